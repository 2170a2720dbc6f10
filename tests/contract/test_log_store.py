"""Logs: chunks of numbered lines, stored once however often they are sent."""

from __future__ import annotations

from dataclasses import replace

from nice_operator.domain.ids import RunId, uuid7
from nice_operator.ports import LogChunk
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

    await harness.store.logs.delete([one])

    assert await harness.store.logs.read(one, 1, 0, 100) == ()
    assert await harness.store.logs.read(one, 2, 0, 100) == ()
    assert len(await harness.store.logs.read(two, 1, 0, 100)) == 1


def _chunk(harness: StoreHarness, first: int, text: str) -> LogChunk:
    return LogChunk(first, max(text.count("\n"), 1), harness.now(), "stdout", text)
