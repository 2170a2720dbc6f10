"""The keyed queue: the newest word wins, nobody works twice on one thing, what fails waits."""

from __future__ import annotations

import asyncio

import pytest

from nice_operator.handlers.queue import KeyedQueue


@pytest.fixture
def queue() -> KeyedQueue[int]:
    """Pauses are 20 ms, 40 ms and so on, without chance."""
    return KeyedQueue(lambda: 1.0, first=0.02, longest=0.1)


async def test_the_newest_word_about_a_key_replaces_the_older_ones(queue: KeyedQueue[int]) -> None:
    for number in range(100):
        queue.put("a", number)
    queue.put("b", 7)

    assert await queue.take(10) == {"a": 99, "b": 7}


async def test_no_more_than_asked_for_are_given_and_the_oldest_first(queue: KeyedQueue[int]) -> None:
    for number, key in enumerate("abcde"):
        queue.put(key, number)

    assert list(await queue.take(2)) == ["a", "b"]
    assert list(await queue.take(2)) == ["c", "d"]
    assert len(queue) == 5


async def test_a_key_that_is_worked_on_waits_for_its_end(queue: KeyedQueue[int]) -> None:
    queue.put("a", 1)
    await queue.take(1)
    queue.put("a", 2)
    queue.put("b", 3)
    assert await queue.take(9) == {"b": 3}

    queue.done("a")

    assert await queue.take(9) == {"a": 2}


async def test_what_fails_comes_back_after_pauses_that_grow(queue: KeyedQueue[int]) -> None:
    queue.put("a", 1)
    pauses = []
    for _ in range(5):
        await queue.take(1)
        began = asyncio.get_running_loop().time()
        queue.again("a", 1)
        assert "a" in queue
        await _peek(queue)
        pauses.append(asyncio.get_running_loop().time() - began)

    for pause, least in zip(pauses, (0.02, 0.04, 0.08, 0.1, 0.1), strict=True):
        assert pause >= least * 0.95
    assert queue.failing == 1


async def test_pauses_differ_by_chance_and_are_never_shorter_than_half() -> None:
    chance = iter((0.0, 1.0))
    queue = KeyedQueue[int](lambda: next(chance), first=0.5)
    for key in "ab":
        queue.put(key, 0)
    began = asyncio.get_running_loop().time()
    for key in await queue.take(2):
        queue.again(key, 0)

    assert list(await queue.take(2)) == ["a"]
    assert asyncio.get_running_loop().time() - began >= 0.24
    assert list(await queue.take(2)) == ["b"]
    assert asyncio.get_running_loop().time() - began >= 0.49


async def test_a_newer_word_is_tried_at_once_whatever_failed(queue: KeyedQueue[int]) -> None:
    queue = KeyedQueue(lambda: 1.0, first=60)
    queue.put("paused", 1)
    queue.put("busy", 1)
    await queue.take(2)
    queue.again("paused", 1)
    queue.put("busy", 2)
    queue.again("busy", 1)
    queue.put("paused", 2)

    assert await queue.take(9) == {"busy": 2, "paused": 2}


async def test_an_alarm_of_a_pause_that_ended_early_wakes_nobody(queue: KeyedQueue[int]) -> None:
    queue = KeyedQueue(lambda: 1.0, first=0.03, longest=60)
    queue.put("a", 1)
    await queue.take(1)
    queue.again("a", 1)  # 30 ms
    queue.put("a", 2)
    await queue.take(1)
    began = asyncio.get_running_loop().time()

    queue.again("a", 2)  # 60 ms

    assert await queue.take(1) == {"a": 2}
    assert asyncio.get_running_loop().time() - began >= 0.057


async def test_success_forgets_the_failures(queue: KeyedQueue[int]) -> None:
    queue.put("a", 1)
    await queue.take(1)
    queue.again("a", 1)
    await queue.take(1)

    queue.done("a")

    assert (len(queue), queue.failing) == (0, 0)


async def test_it_is_quiet_when_only_failures_are_left(queue: KeyedQueue[int]) -> None:
    queue = KeyedQueue(lambda: 1.0, first=60)
    queue.put("a", 1)
    queue.put("b", 1)
    await queue.take(9)
    waiting = asyncio.create_task(queue.quiet(10))
    queue.again("a", 1)
    queue.done("b")

    async with asyncio.timeout(5):
        assert await waiting
    queue.put("c", 1)
    assert not await queue.quiet(0.01)


async def test_there_is_room_as_soon_as_enough_is_taken_and_nobody_waits_for_it_after_the_deadline(
    queue: KeyedQueue[int],
) -> None:
    now = asyncio.get_running_loop().time()
    for key in "abc":
        queue.put(key, 1)
    waiting = asyncio.create_task(queue.room(3, now + 60))
    async with asyncio.timeout(5):
        assert not await queue.room(3, now + 0.01)
        assert not await queue.room(3, now - 1)

        await queue.take(1)

        assert await waiting
        assert await queue.room(3, now - 1)


async def _peek(queue: KeyedQueue[int]) -> None:
    """As soon as it would be given; it is put back as if nobody had taken it."""
    (key, value), *_ = (await queue.take(1)).items()
    queue._busy.discard(key)
    queue._ready[key] = value
