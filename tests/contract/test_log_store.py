"""Logs: chunks of numbered lines, stored once however often they are sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.run import RunState
from nice_operator.ports import EndedLog, LogChunk, RunLogs
from tests.support.stores import StoreHarness


async def test_what_was_appended_is_read_in_order(harness: StoreHarness) -> None:
    run = RunId(uuid7())
    chunks = [_chunk(harness, 1, "a\nb\n"), _chunk(harness, 3, "ü\x00\x1b[31m\n"), _chunk(harness, 4, "part")]

    await harness.store.logs.append(run, 1, chunks[1:])
    await harness.store.logs.append(run, 1, chunks[:1])

    assert await harness.store.logs.read(run, 1, 0, 1_000_000) == chunks


async def test_a_chunk_sent_again_is_stored_once(harness: StoreHarness) -> None:
    run, chunk = RunId(uuid7()), _chunk(harness, 1, "a\n")

    await harness.store.logs.append(run, 1, [chunk])
    await harness.store.logs.append(run, 1, [chunk, chunk, _chunk(harness, 2, "b\n")])

    assert [found.first for found in await harness.store.logs.read(run, 1, 0, 100)] == [1, 2]


async def test_reading_goes_on_inside_a_chunk_and_stops_at_the_wanted_size(harness: StoreHarness) -> None:
    run = RunId(uuid7())
    await harness.store.logs.append(run, 1, [_chunk(harness, 1 + 2 * n, "xxxx\nyyyy\n") for n in range(5)])

    found = await harness.store.logs.read(run, 1, after=3, max_bytes=25)

    assert [chunk.first for chunk in found] == [3, 5]
    assert len(await harness.store.logs.read(run, 1, after=3, max_bytes=1)) == 1
    assert await harness.store.logs.read(run, 1, after=10, max_bytes=25) == ()


async def test_what_is_shown_in_place_of_lines_is_kept_beside_them(harness: StoreHarness) -> None:
    run = RunId(uuid7())
    chunk = replace(_chunk(harness, 1, "a\nb\n"), shown=('line "a"\n\u2028 é', ""))
    await harness.store.logs.append(run, 1, [chunk, _chunk(harness, 3, "c\n")])

    assert [found.shown for found in await harness.store.logs.read(run, 1, 0, 100)] == [chunk.shown, None]


async def test_attempts_and_runs_have_logs_of_their_own(harness: StoreHarness) -> None:
    one, two = RunId(uuid7()), RunId(uuid7())
    for run, attempt in ((one, 1), (one, 2), (two, 1)):
        await harness.store.logs.append(run, attempt, [_chunk(harness, 1, f"{attempt}\n")])

    await harness.store.logs.delete([RunLogs(one, "default", "a", 2)])

    assert await harness.store.logs.read(one, 1, 0, 100) == ()
    assert await harness.store.logs.read(one, 2, 0, 100) == ()
    assert len(await harness.store.logs.read(two, 1, 0, 100)) == 1


async def test_logs_whose_attempt_is_over_are_found_and_dropped_up_to_a_line(harness: StoreHarness) -> None:
    task = await harness.put("a", maxAttempts=2)
    worker = await harness.worker()
    runs = []
    for state in (RunState.SUCCEEDED, RunState.QUEUED, None):
        await harness.submit(task)
        held = await worker.running()
        await harness.store.logs.append(held.id, 1, [_chunk(harness, n, f"{n}\n") for n in (1, 2, 3)])
        if state is not None:
            await worker.finish(held, state)
        runs.append(held.id)

    found = await harness.store.logs.ended(None, timedelta(days=1), 100)
    await harness.store.logs.drop(runs[0], 1, 2)

    assert found.next is None
    assert list(found.logs) == [EndedLog(run, 1, "default", "a", 3) for run in (runs[1], runs[0])]
    assert [chunk.first for chunk in await harness.store.logs.read(runs[0], 1, 0, 100)] == [3]
    assert [chunk.first for chunk in await harness.store.logs.read(runs[1], 1, 0, 100)] == [1, 2, 3]


async def test_ended_logs_are_found_page_by_page_back_to_a_moment(harness: StoreHarness) -> None:
    task = await harness.put("a")
    worker = await harness.worker()
    runs = []
    for _ in range(5):
        await harness.submit(task)
        held = await worker.running()
        await harness.store.logs.append(held.id, 1, [_chunk(harness, 1, "a\n")])
        await worker.finish(held)
        runs.append(held.id)

    seen, before = list[RunId](), None
    while True:
        page = await harness.store.logs.ended(before, timedelta(days=1), 2)
        seen += [log.run_id for log in page.logs]
        before = page.next
        if before is None:
            break

    assert seen == runs[::-1]
    harness.advance(2 * 86_400)
    assert (await harness.store.logs.ended(None, timedelta(days=1), 2)).logs == ()


def _chunk(harness: StoreHarness, first: int, text: str) -> LogChunk:
    return LogChunk(first, max(text.count("\n"), 1), harness.now(), "stdout", text)
