"""A run's log as server-sent events, for programs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nice_operator.domain.ids import RunId
from nice_operator.engine.service import Engine
from nice_operator.web.documents import chunk_document, run_document
from nice_operator.web.sse import Event


async def follow_events(engine: Engine, run_id: RunId, attempt: int, after: int) -> AsyncIterator[Event]:
    """``log`` for each chunk, whose id is its last line's number, then ``end`` with the run as it ended."""
    async for chunk in engine.logs.follow(run_id, attempt, after):
        yield Event("log", chunk_document(chunk), str(chunk.last))
    yield Event("end", run_document(await engine.runs.get(run_id)))
