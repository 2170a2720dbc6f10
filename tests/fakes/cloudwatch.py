"""A scripted CloudWatch Logs over HTTP: keeps what it is given, holds every call to AWS's rules, which moto
does not, and fails as it is told to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

MAX_BYTES, OVERHEAD, MAX_EVENTS, DAY = 1_048_576, 26, 10_000, 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Fault:
    """What to answer in place of the right answer. ``cut``: nothing, the connection breaks; with ``after``
    the call is carried out before. ``seconds``: first wait so long."""

    status: int = 500
    code: str = "InternalFailure"
    message: str = "scripted"
    cut: bool = False
    after: bool = False
    seconds: float = 0.0


Mood = Callable[[str, dict[str, Any]], Fault | None]
"""Decides on each call by its operation and body."""


class FakeCloudWatch:
    """``groups``: of each the events of its streams, decoded. ``broken``: rules that a call broke. ``watch``
    sees the headers of each call."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.retention: dict[str, int] = {}
        self.calls: list[str] = []
        self.broken: list[str] = []
        self.mood: Mood = lambda operation, body: None
        self.watch: Callable[[Mapping[str, str]], None] = lambda headers: None
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> str:
        """Listen on loopback; returns the URL."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Go away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # ------------------------------------------------------------ what a test asks

    def messages(self, run: str) -> list[dict[str, Any]]:
        """The events of all streams of a run, in order."""
        return [
            message
            for streams in self.groups.values()
            for name, events in streams.items()
            if run in name
            for message in events
        ]

    def numbers(self, run: str) -> list[int]:
        """The numbers of its lines, each once, as they came."""
        return list(dict.fromkeys(message["n"] for message in self.messages(run) if "n" in message))

    def text(self, run: str) -> str:
        """All lines, by their numbers."""
        lines = {message["n"]: message["t"] for message in self.messages(run) if "n" in message}
        return "".join(f"{lines[number]}\n" for number in sorted(lines))

    def ends(self, run: str) -> list[dict[str, Any]]:
        """What was said of the log's end."""
        return [message for message in self.messages(run) if "n" not in message]

    async def until(self, condition: Callable[[], bool], what: str, timeout: float = 60) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            words = f"waited {timeout} s in vain for {what}; calls: {self.calls[-20:]}"
            raise AssertionError(words) from None

    # ------------------------------------------------------------ what it does

    async def _serve(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.loads(await request.read())
        self.calls.append(operation)
        self.watch(request.headers)
        fault = self.mood(operation, body)
        try:
            if fault is not None:
                return await self._fail(fault, operation, body, request)
            return self._carry_out(operation, body)
        finally:
            async with self._changed:
                self._changed.notify_all()

    async def _fail(
        self, fault: Fault, operation: str, body: dict[str, Any], request: web.Request
    ) -> web.Response:
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.after:
            self._carry_out(operation, body)
        if fault.cut and request.transport is not None:
            request.transport.abort()
        return _error(fault.status, fault.code, fault.message)

    def _carry_out(self, operation: str, body: dict[str, Any]) -> web.Response:
        group, stream = body["logGroupName"], body.get("logStreamName")
        if operation == "CreateLogGroup":
            if group in self.groups:
                return _error(400, "ResourceAlreadyExistsException", group)
            self.groups[group] = {}
        elif group not in self.groups:
            return _error(400, "ResourceNotFoundException", f"no group {group}")
        elif operation == "PutRetentionPolicy":
            self.retention[group] = body["retentionInDays"]
        elif operation == "CreateLogStream":
            if stream in self.groups[group]:
                return _error(400, "ResourceAlreadyExistsException", stream)
            self.groups[group][stream] = []
        elif stream not in self.groups[group]:
            return _error(400, "ResourceNotFoundException", f"no stream {stream}")
        else:
            return self._put(self.groups[group][stream], body["logEvents"])
        return web.json_response({})

    def _put(self, events: list[dict[str, Any]], batch: list[dict[str, Any]]) -> web.Response:
        stamps = [event["timestamp"] for event in batch]
        size = sum(len(event["message"].encode()) + OVERHEAD for event in batch)
        rules = {
            "1 to 10,000 events": 1 <= len(batch) <= MAX_EVENTS,
            "1 MiB": size <= MAX_BYTES,
            "in order": stamps == sorted(stamps),
            "24 hours": stamps[-1] - stamps[0] <= DAY,
            "no empty message": all(event["message"] for event in batch),
        }
        self.broken += [rule for rule, kept in rules.items() if not kept]
        now = time.time_ns() // 1_000_000
        old = sum(stamp < now - 14 * DAY for stamp in stamps)
        new = len(batch) - sum(stamp > now + DAY // 12 for stamp in stamps)
        events += [json.loads(event["message"]) for event in batch[old:new]]
        refused = {"tooOldLogEventEndIndex": old} if old else {}
        refused |= {"tooNewLogEventStartIndex": new} if new < len(batch) else {}
        return web.json_response({"rejectedLogEventsInfo": refused} if refused else {})


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"__type": code, "message": message}, status=status)
