"""A run's page: where it stands, its log, its facts, and buttons to stop it or run it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from nice_operator.domain.run import Run, RunState
from nice_operator.engine.service import Engine
from nice_operator.web.answers import page
from nice_operator.web.api.logs import MAX_LINE, attempt_number
from nice_operator.web.api.runs import run_of
from nice_operator.web.errors import Refusal
from nice_operator.web.follow import Position, position_of
from nice_operator.web.keys import ENGINE
from nice_operator.web.masking import shown_aside
from nice_operator.web.requests import integer
from nice_operator.web.sse import Event, stream
from nice_operator.web.ui.log_view import completeness, live_events, read_log, summary_of
from nice_operator.web.ui.show import pretty_json
from nice_operator.web.ui.task_page import PayloadForm
from nice_operator.web.ui.timeline import timeline, total_of
from nice_protocol.secrecy.members import masked_json


async def show_run(
    request: web.Request,
    run: Run,
    *,
    form: PayloadForm | None = None,
    alert: Refusal | None = None,
    alert_title: str = "",
    status: int = 200,
) -> web.Response:
    """The page of ``run``; ``form`` and ``alert`` come from a request about it that was refused."""
    engine = request.app[ENGINE]
    attempts = await engine.runs.attempts(run.id)
    number = attempt_number(request, run)
    summary = summary_of(run, attempts, number)
    after = integer(request, "after", -1, -1, MAX_LINE)
    log = await read_log(engine, run, number, summary, None if after < 0 else after)
    done = summary is not None or run.state.final
    payload, result = await shown_aside((run,), lambda: (_shown(run.payload), _shown(run.result or "")))
    context: dict[str, Any] = {
        "run": run,
        "payload": payload,
        "result": result,
        "attempts": attempts,
        "attempt": number,
        "executed": run.state not in (RunState.SKIPPED, RunState.MISSED),
        "total": total_of(run, attempts),
        "timeline": timeline(run, attempts),
        "log": log.lines,
        "log_start": log.start,
        "log_end": log.end,
        "log_position": Position(number, log.end),
        "pinned": "attempt" in request.query,
        "log_more": log.more,
        "log_done": done and not log.more,
        "completeness": completeness(summary, run.state.final),
        "form": form or PayloadForm(payload),
        "alert": alert,
        "alert_title": alert_title,
    }
    return page(request, "run.html", context, status=status)


def _shown(text: str) -> str:
    return pretty_json(masked_json(text))


async def log_events(request: web.Request) -> web.StreamResponse:
    """The page's stream: ``lines``, ``change`` when the run's state has, ``end``."""
    run = await run_of(request)
    engine = request.app[ENGINE]
    start = position_of(request, attempt_number(request, run))
    lines = live_events(engine, run, start, pinned="attempt" in request.query)
    return await stream(request, _merged(lines, _state_changes(engine, run)))


async def _state_changes(engine: Engine, run: Run) -> AsyncGenerator[Event]:
    """``change`` for each new state, attempt or request to stop."""
    seen: object = None
    async with engine.wakeups.subscribe(f"run:{run.id}", f"end:{run.id}") as subscription:
        while not run.state.final:
            run = await engine.runs.get(run.id)
            now = (run.state, run.attempt, run.blocked_by, run.cancel_requested_at)
            if now != seen:
                seen = now
                yield Event("change", {"state": run.state.value})
            await subscription.wait(2.0)


async def _merged(lines: AsyncGenerator[Event], changes: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """Both streams as one, which ends when the log does."""
    queue: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=8)

    async def pump(events: AsyncGenerator[Event], *, last: bool) -> None:
        async for event in events:
            await queue.put(event)
        if last:
            await queue.put(None)

    pumps = [asyncio.ensure_future(pump(lines, last=True)), asyncio.ensure_future(pump(changes, last=False))]
    try:
        while (event := await queue.get()) is not None:
            yield event
    finally:
        for one in pumps:
            one.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await lines.aclose()
        await changes.aclose()
