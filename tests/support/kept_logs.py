"""Logs as a worker leaves them in CloudWatch, and runs that they belong to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from nice_operator.domain.ids import OutcomeId, RunId, uuid7
from nice_operator.domain.run import LogSummary, Outcome, RunState
from nice_operator.ports import HeldRun, LogChunk
from nice_protocol.messages import LogLines
from nice_runner.logs.cloudwatch.client import stream_name
from nice_runner.logs.cloudwatch.events import events_of
from tests.support.aws import REGION
from tests.support.stores import FakeHolder, StoreHarness, decision

GROUP = "/nice/joint"


def chunk(first: int, text: str, **more: Any) -> LogChunk:
    """Read just now."""
    return LogChunk(first, max(text.count("\n"), 1), datetime.now(UTC), "stdout", text, **more)


def lines(first: int, last: int) -> list[LogChunk]:
    """One chunk per line, its text its number."""
    return [chunk(number, f"{number}\n") for number in range(first, last + 1)]


def numbers(chunks: Sequence[LogChunk]) -> list[int]:
    """Of all their lines."""
    return [one.first + index for one in chunks for index in range(one.lines)]


@dataclass
class Keeper:
    """Puts lines into the group by the worker's own form."""

    endpoint: str

    def __post_init__(self) -> None:
        self.client = boto3.client("logs", region_name=REGION, endpoint_url=self.endpoint)
        self._make(self.client.create_log_group, logGroupName=GROUP)

    def write(self, run: RunId, chunks: Sequence[LogChunk], attempt: int = 1) -> None:
        """Lines."""
        events = [event for one in chunks for event in events_of(_sent(one))]
        self._put(run, attempt, [{"timestamp": e.timestamp, "message": e.message} for e in events])

    def end(self, run: RunId, last: int, attempt: int = 1, **more: Any) -> None:
        """The end of a log."""
        now = datetime.now(UTC).timestamp()
        message = json.dumps({"end": last, "gaps": [], **more})
        self._put(run, attempt, [{"timestamp": round(now * 1000), "message": message}])

    def streams(self) -> list[str]:
        """Of the whole group."""
        pages = self.client.get_paginator("describe_log_streams").paginate(logGroupName=GROUP)
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]

    def _put(self, run: RunId, attempt: int, events: list[Any]) -> None:
        stream = stream_name("default", "hello", str(run), attempt)
        self._make(self.client.create_log_stream, logGroupName=GROUP, logStreamName=stream)
        for start in range(0, len(events), 5_000):
            self.client.put_log_events(
                logGroupName=GROUP, logStreamName=stream, logEvents=events[start : start + 5_000]
            )

    def _make(self, make: Any, **what: str) -> None:
        try:
            make(**what)
        except self.client.exceptions.ResourceAlreadyExistsException:
            return


@dataclass
class Runs:
    """Runs of one task ``hello``, one after another."""

    harness: StoreHarness
    worker: FakeHolder

    @classmethod
    async def of(cls, harness: StoreHarness) -> Runs:
        """On an empty database."""
        return cls(harness, await harness.worker())

    async def running(self, **manifest: Any) -> HeldRun:
        """One that has begun."""
        await self.harness.submit(await self.harness.put("hello", **manifest))
        return await self.worker.running()

    async def end(
        self, held: HeldRun, log: LogSummary | None = None, state: RunState = RunState.SUCCEEDED
    ) -> None:
        """The worker says how it ended; with ``log``, how its log did."""
        ended = RunState.FAILED if state is RunState.QUEUED else state
        outcome = Outcome(OutcomeId(uuid7()), ended, "Ended", log=log)
        await self.harness.store.finish(decision(held, state, outcome=outcome))

    async def ended(self, last: int, gaps: Sequence[tuple[int, int]] = ()) -> RunId:
        """One that has ended, with so many lines."""
        held = await self.running()
        await self.end(held, LogSummary(last, not gaps, tuple(gaps)))
        return held.id


def _sent(one: LogChunk) -> LogLines:
    at = round(one.at.timestamp() * 1_000_000)
    shown = None if one.shown is None else list(one.shown)
    return LogLines(one.first, one.lines, at, one.stream, one.text, shown)
