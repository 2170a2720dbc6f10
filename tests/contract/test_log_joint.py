"""The contract of the log port on the store that reads the database and CloudWatch (moto's server over HTTP)
as one, wherever the lines are: not moved yet, moved, in both, or some here and some there."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.run import LogSummary, RunState
from nice_operator.engine.logs import LogService
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.logs.cloudwatch import ANSWER_SECONDS, CloudWatchLogStore
from nice_operator.logs.joint import JointLogStore
from nice_operator.logs.mover import FIRST_LOOK, LogMover
from nice_operator.logs.place import locate_by
from nice_operator.ports import LogChunk, LogStore, RunLogs
from tests.fakes.clock import FakeClock
from tests.support.aws import CREDENTIALS, REGION, cloudwatch_server, free_port
from tests.support.kept_logs import GROUP, Keeper, Runs, chunk, lines, numbers
from tests.support.mariadb import MariaDb
from tests.support.servers import GIVEN, ON_MYSQL
from tests.support.stores import StoreHarness


@pytest.fixture(params=["mysql" if ON_MYSQL or GIVEN else "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str | Path:
    """A server's: nobody has CloudWatch beside a SQLite file."""
    if request.param == "mysql" and GIVEN:
        return GIVEN
    mariadb: MariaDb = request.getfixturevalue("mariadb")
    return mariadb.url("contract")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One for all tests here; each has runs of its own."""
    with cloudwatch_server(free_port()) as url:
        yield url


@dataclass
class Joint:
    """The store under test and what it is made of. ``clock`` is the mover's."""

    store: JointLogStore
    live: LogStore
    kept: CloudWatchLogStore
    keeper: Keeper
    runs: Runs
    mover: LogMover
    clock: FakeClock

    async def moved(self) -> int:
        """How many logs the mover drops once it has seen that their attempts are over."""
        await self.mover.round()
        self.clock.now += FIRST_LOOK
        return await self.mover.round()


@pytest.fixture
async def joint(server: str, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Joint]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    async with opened(harness, server, server) as made:
        yield made


@asynccontextmanager
async def opened(harness: StoreHarness, endpoint: str, written_at: str) -> AsyncIterator[Joint]:
    """``endpoint``: where the store reads; ``written_at``: where the worker's hand writes."""
    live, clock = harness.store.logs, FakeClock()
    kept = CloudWatchLogStore(GROUP, REGION, endpoint, locate_by(harness.store))
    store = JointLogStore(live, kept, harness.store)
    keeper = Keeper(written_at)
    yield Joint(store, live, kept, keeper, await Runs.of(harness), LogMover(live, kept, clock), clock)
    kept.close()
    keeper.client.close()


async def place(joint: Joint, where: str, run: RunId, chunks: Sequence[LogChunk], attempt: int = 1) -> None:
    """The lines of an attempt, ``where`` the test wants them."""
    half = len(chunks) // 2
    kept = {"database": [], "split": chunks[:half], "holes": chunks[::2]}.get(where, chunks)
    live = {"cloud": [], "split": chunks[half:], "holes": chunks[1::2]}.get(where, chunks)
    if kept:
        joint.keeper.write(run, kept, attempt)
    await joint.store.append(run, attempt, live)


async def read_all(store: LogStore, run: RunId, max_bytes: int = 1_000_000) -> list[LogChunk]:
    """Page after page, as a download does."""
    found, after = list[LogChunk](), 0
    while page := await store.read(run, 1, after, max_bytes):
        found += page
        after = page[-1].last
    return found


WHERE = pytest.mark.parametrize("where", ["database", "cloud", "both", "split", "holes"])


@WHERE
async def test_what_was_written_is_read_in_order_and_once(joint: Joint, where: str) -> None:
    chunks = [chunk(1, "a\nb\n"), chunk(3, "ü\x1b[31m\n"), chunk(4, "\n"), chunk(5, "part")]
    run = await joint.runs.ended(5)

    await place(joint, where, run, chunks)
    await place(joint, where, run, chunks)

    assert await read_all(joint.store, run) == chunks


@WHERE
async def test_reading_goes_on_inside_a_chunk_and_ends_with_nothing(joint: Joint, where: str) -> None:
    run = await joint.runs.ended(3)
    await place(joint, where, run, [chunk(1, "a\nb\n"), chunk(3, "c\n")])

    found = await joint.store.read(run, 1, after=1, max_bytes=100)
    found = [*found, *(await joint.store.read(run, 1, after=2, max_bytes=100) if len(found) == 1 else ())]

    assert [(one.first, one.text) for one in found] == [(2, "b\n"), (3, "c\n")]
    assert list(await joint.store.read(run, 1, after=3, max_bytes=100)) == []


@WHERE
async def test_a_log_of_many_pages_is_read_whole(joint: Joint, where: str) -> None:
    run = await joint.runs.ended(10_000)
    await place(joint, where, run, [chunk(1 + 500 * n, f"{n:03} {'x' * 20}\n" * 500) for n in range(20)])

    assert numbers(await read_all(joint.store, run, 64 * 1024)) == list(range(1, 10_001))


@pytest.mark.parametrize("after", [0, 9_999, 10_000, 17_345, 24_990, 24_999, 25_000])
async def test_a_long_log_is_read_from_any_line_on(joint: Joint, after: int) -> None:
    run = await joint.runs.ended(25_000)
    chunks = [chunk(1 + 500 * n, "".join(f"{500 * n + k}\n" for k in range(1, 501))) for n in range(50)]
    at = chunks[0].at
    await place(joint, "cloud", run, [replace(c, at=at + timedelta(seconds=n)) for n, c in enumerate(chunks)])
    joint.keeper.end(run, 25_000)

    found = list[LogChunk]()
    while page := await joint.store.read(run, 1, found[-1].last if found else after, 100_000):
        found += page

    assert numbers(found) == list(range(after + 1, 25_001))
    assert "".join(one.text for one in found).split() == [str(n) for n in range(after + 1, 25_001)]


@WHERE
async def test_what_is_shown_in_place_of_lines_is_kept_beside_them(joint: Joint, where: str) -> None:
    run = await joint.runs.ended(3)
    first = chunk(1, "a\nb\n", shown=('line "a"\n\u2028 é', ""))
    await place(joint, where, run, [first, chunk(3, "c\n")])

    assert [found.shown for found in await read_all(joint.store, run)] == [first.shown, None]


@WHERE
async def test_attempts_and_runs_have_logs_of_their_own(joint: Joint, where: str) -> None:
    one = await joint.runs.running(maxAttempts=2)
    await joint.runs.end(one, LogSummary(2, True), RunState.QUEUED)
    again = await joint.runs.worker.running()
    await joint.runs.end(again, LogSummary(2, True))
    other = await joint.runs.ended(2)
    for run, attempt in ((one.id, 1), (one.id, 2), (other, 1)):
        await place(joint, where, run, [chunk(n, f"{attempt}\n") for n in (1, 2)], attempt)

    texts = [found.text for found in await joint.store.read(one.id, 2, 0, 100)]
    await joint.store.delete([RunLogs(one.id, "default", "hello", 2)])

    assert set(texts) == {"2\n"}
    assert list(await joint.store.read(one.id, 1, 0, 100)) == []
    assert list(await joint.store.read(one.id, 2, 0, 100)) == []
    assert numbers(await read_all(joint.store, other)) == [1, 2]


async def test_a_follower_misses_and_doubles_nothing_when_lines_move(joint: Joint) -> None:
    held = await joint.runs.running()
    follow = LogService(
        joint.runs.harness.store, joint.store, LocalWakeups(), EngineSettings(poll=0.01)
    ).follow(held.id, 1)
    seen = list[int]()

    async def listen() -> None:
        async for one in follow:
            seen.extend(numbers([one]))
            await asyncio.sleep(0)

    listening = asyncio.create_task(listen())
    for first in range(1, 200, 10):
        await joint.store.append(held.id, 1, lines(first, first + 9))
        joint.keeper.write(held.id, lines(first, first + 9))
    await joint.runs.end(held, LogSummary(200, True))
    joint.keeper.end(held.id, 200)
    dropped = await joint.moved()
    await asyncio.wait_for(listening, 30)

    assert dropped == 1
    assert seen == list(range(1, 201))
    assert list(await joint.live.read(held.id, 1, 0, 100)) == []
    assert numbers(await read_all(joint.store, held.id)) == list(range(1, 201))


async def test_a_reader_in_the_middle_goes_on_where_it_was_when_the_lines_have_moved(joint: Joint) -> None:
    run = await joint.runs.ended(100)
    await place(joint, "both", run, [chunk(1 + 10 * n, "x\n" * 10) for n in range(10)])
    joint.keeper.end(run, 100)

    before = await joint.store.read(run, 1, 0, 60)
    dropped = await joint.moved()
    after, rest = before[-1].last, list[LogChunk]()
    while page := await joint.store.read(run, 1, after, 60):
        rest += page
        after = page[-1].last

    assert dropped == 1
    assert 0 < before[-1].last < 100
    assert numbers([*before, *rest]) == list(range(1, 101))


async def test_lines_that_come_again_after_they_were_dropped_are_told_once(joint: Joint) -> None:
    run = await joint.runs.ended(20)
    await place(joint, "both", run, lines(1, 20))
    joint.keeper.end(run, 20)
    await joint.moved()

    await joint.store.append(run, 1, lines(11, 20))  # an acknowledgement was lost

    assert numbers(await read_all(joint.store, run)) == list(range(1, 21))


async def test_the_last_lines_of_a_worker_that_died_are_told_from_wherever_they_are(joint: Joint) -> None:
    """Nobody said how the log ends; some lines came here alone, some there alone."""
    held = await joint.runs.running()
    await joint.store.append(held.id, 1, [*lines(1, 4), *lines(8, 9)])
    joint.keeper.write(held.id, [*lines(3, 7), *lines(10, 12)])
    await joint.runs.end(held, None, RunState.LOST)

    dropped = await joint.moved()

    assert dropped == 0
    assert numbers(await read_all(joint.store, held.id)) == list(range(1, 13))


async def test_who_follows_a_living_attempt_asks_cloudwatch_for_nothing(joint: Joint) -> None:
    held = await joint.runs.running()
    joint.keeper.write(held.id, lines(1, 5))
    await joint.store.append(held.id, 1, lines(1, 3))

    assert numbers(await joint.store.read(held.id, 1, 0, 100)) == [1, 2, 3]
    assert list(await joint.store.read(held.id, 1, 3, 100)) == []


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        pytest.param(None, range(1, 11), id="it does not say its end"),
        pytest.param({"last": 9}, range(1, 10), id="it ends before"),
        pytest.param({"last": 10}, range(1, 10), id="its last line cannot be read"),
        pytest.param({"last": 10, "gaps": [[2, 3]]}, [1, *range(4, 11)], id="lines are missing there"),
        pytest.param({"last": 10, "cut": True}, range(1, 11), id="the worker was killed"),
    ],
)
async def test_lines_stay_unless_all_of_them_can_be_read_elsewhere(
    joint: Joint, end: dict[str, Any] | None, kept: Sequence[int]
) -> None:
    run = await joint.runs.ended(10)
    await joint.store.append(run, 1, lines(1, 10))
    joint.keeper.write(run, [chunk(number, f"{number}\n") for number in kept])
    if end is not None:
        joint.keeper.end(run, **end)

    assert await joint.moved() == 0
    assert numbers(await joint.live.read(run, 1, 0, 1000)) == list(range(1, 11))
    assert numbers(await read_all(joint.store, run)) == list(range(1, 11))


async def test_an_end_that_comes_late_is_found_later(joint: Joint) -> None:
    run = await joint.runs.ended(10)
    await place(joint, "both", run, lines(1, 10))

    early = await joint.moved()
    joint.keeper.end(run, 10)
    joint.clock.now += 2 * FIRST_LOOK

    assert (early, await joint.mover.round()) == (0, 1)


async def test_the_lines_of_an_attempt_that_lives_are_not_touched(joint: Joint) -> None:
    held = await joint.runs.running()
    await place(joint, "both", held.id, lines(1, 10))
    joint.keeper.end(held.id, 10)

    assert await joint.moved() == 0
    assert numbers(await joint.live.read(held.id, 1, 0, 1000)) == list(range(1, 11))


async def test_more_streams_than_a_page_lists_are_deleted(joint: Joint) -> None:
    """As the janitor does, with the run's row gone and nothing but the names that were noted."""
    held = await joint.runs.running(keep=0)
    for attempt in range(1, 61):
        joint.keeper.write(held.id, lines(1, 1), attempt)
    other = RunId(uuid7())
    joint.keeper.write(other, lines(1, 1))

    await joint.store.delete([RunLogs(held.id, "default", "hello", 60), RunLogs(other, "default", "none", 3)])

    left = [stream for stream in joint.keeper.streams() if str(held.id) in stream or str(other) in stream]
    assert left == [f"default/hello/{other}/1"]


# ------------------------------------------------------------ CloudWatch is away


@pytest.fixture(params=["refused", "silent"])
def nowhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address where nobody listens, and one where nobody answers."""
    if request.param == "refused":
        yield f"http://127.0.0.1:{free_port()}"
        return
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@pytest.fixture
async def away(
    nowhere: str, server: str, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Joint]:
    """A store whose CloudWatch does not answer."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    async with opened(harness, nowhere, server) as made:
        yield made


async def test_who_reads_is_told_within_seconds_that_cloudwatch_is_away(away: Joint) -> None:
    run = await away.runs.ended(10)
    began = time.monotonic()

    answers = await asyncio.gather(
        *(away.store.read(run, 1, 0, 1000) for _ in range(20)), return_exceptions=True
    )

    assert {type(answer) for answer in answers} == {Unavailable}
    assert "CloudWatch" in str(answers[0])
    assert time.monotonic() - began < ANSWER_SECONDS + 4


async def test_a_log_that_is_all_in_the_database_needs_no_cloudwatch(away: Joint) -> None:
    run = await away.runs.ended(12, gaps=[(5, 6)])
    await away.store.append(run, 1, [*lines(1, 4), *lines(7, 12)])

    assert numbers(await read_all(away.store, run)) == [1, 2, 3, 4, *range(7, 13)]


async def test_who_follows_gets_the_lines_behind_a_hole(away: Joint) -> None:
    held = await away.runs.running()
    await away.store.append(held.id, 1, [*lines(1, 2), *lines(5, 6)])

    assert numbers(await read_all(away.store, held.id)) == [1, 2, 5, 6]


async def test_nothing_is_dropped_while_cloudwatch_is_away(away: Joint) -> None:
    run = await away.runs.ended(10)
    await away.store.append(run, 1, lines(1, 10))

    with pytest.raises(Unavailable):
        await away.moved()

    assert numbers(await away.live.read(run, 1, 0, 1000)) == list(range(1, 11))
