"""Rows of ``runs`` and ``attempts`` as values of the domain, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.run import (
    Attempt,
    HostFacts,
    LogSummary,
    MissedSpan,
    Requester,
    Run,
    RunState,
    Trigger,
    Usage,
)
from nice_operator.store.tables import runs
from nice_operator.store.times import from_micros, maybe_datetime

Row = sa.Row[Any]

_UNWRITTEN: Mapping[str, Any] = dict.fromkeys(column.name for column in runs.c)
"""Columns that are NULL unless somebody writes them."""


def to_run(row: Row | SimpleNamespace, namespace: str, task: str) -> Run:
    """A row of ``runs``; the names are its task's."""
    return Run(
        id=RunId(row.id),
        task_id=TaskId(row.task_id),
        namespace=namespace,
        task=task,
        generation=row.generation,
        fire_key=row.fire_key,
        scheduled_for=from_micros(row.scheduled_for),
        state=RunState(row.state),
        reason=row.reason,
        message=row.message,
        requester=Requester(Trigger(row.trigger), row.requester_name, row.requester_email),
        queue=row.queue,
        priority=-row.priority_rank,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        lost_count=row.lost_count,
        epoch=row.epoch,
        session=_session(row.session),
        lease_until=maybe_datetime(row.lease_until),
        available_at=from_micros(row.available_at),
        deadline_at=maybe_datetime(row.deadline_at),
        blocked_by=_run_id(row.blocked_by),
        cancel_requested_at=maybe_datetime(row.cancel_requested_at),
        created_at=from_micros(row.created_at),
        started_at=maybe_datetime(row.started_at),
        finished_at=maybe_datetime(row.finished_at),
        payload=row.payload,
        result=row.result,
        exit_code=row.exit_code,
        signal=row.signal,
        host=read_host(row.host),
        worker=row.worker,
        usage=Usage(row.cpu_seconds, row.peak_memory),
        log=read_log(row.log),
        missed=_missed(row),
        rerun_of=_run_id(row.rerun_of),
    )


def new_run(written: Mapping[str, Any], namespace: str, task: str) -> Run:
    """The run that an INSERT of those columns makes, without reading it back."""
    return to_run(SimpleNamespace(**{**_UNWRITTEN, **written}), namespace, task)


def to_attempt(row: Row) -> Attempt:
    """A row of ``attempts``."""
    return Attempt(
        run_id=RunId(row.run_id),
        number=row.number,
        epoch=row.epoch,
        session=SessionId(row.session),
        worker=row.worker,
        claimed_at=from_micros(row.claimed_at),
        started_at=maybe_datetime(row.started_at),
        ended_at=maybe_datetime(row.ended_at),
        state=None if row.state is None else RunState(row.state),
        reason=row.reason,
        message=row.message,
        exit_code=row.exit_code,
        signal=row.signal,
        stopped_by=row.stopped_by,
        host=read_host(row.host),
        usage=Usage(row.cpu_seconds, row.peak_memory),
        log=read_log(row.log),
        stale=bool(row.stale),
    )


def write_host(host: HostFacts | None) -> str | None:
    """As JSON text."""
    if host is None:
        return None
    return json.dumps({"name": host.name, "free_memory": host.free_memory, "load_average": host.load_average})


def read_host(text: str | None) -> HostFacts | None:
    """From JSON text."""
    if text is None:
        return None
    facts = json.loads(text)
    load = facts["load_average"]
    return HostFacts(facts["name"], facts["free_memory"], None if load is None else tuple(load))


def write_log(log: LogSummary | None) -> str | None:
    """As JSON text."""
    if log is None:
        return None
    return json.dumps({"lines": log.lines, "complete": log.complete, "gaps": log.gaps})


def read_log(text: str | None) -> LogSummary | None:
    """From JSON text."""
    if text is None:
        return None
    facts = json.loads(text)
    return LogSummary(
        facts["lines"], facts["complete"], tuple((first, last) for first, last in facts["gaps"])
    )


def _missed(row: Row | SimpleNamespace) -> MissedSpan | None:
    if row.missed_count is None:
        return None
    return MissedSpan(from_micros(row.missed_first), from_micros(row.missed_last), row.missed_count)


def _run_id(value: UUID | None) -> RunId | None:
    return None if value is None else RunId(value)


def _session(value: UUID | None) -> SessionId | None:
    return None if value is None else SessionId(value)
