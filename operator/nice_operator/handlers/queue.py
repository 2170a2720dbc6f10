"""A queue in which the newest word about a thing replaces the older ones, and what fails waits its turn."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

V = TypeVar("V")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


class KeyedQueue(Generic[V]):
    """One value per key. A key that is being worked on is given to nobody else until ``done`` or ``again``.

    All calls belong to the event loop's thread. ``jitter`` gives numbers from 0 to 1: pauses are between
    half and the whole of what they double to, so that what failed together does not come back together.
    """

    def __init__(
        self, jitter: Callable[[], float], *, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE
    ) -> None:
        self._jitter = jitter
        self._first = first
        self._longest = longest
        self._ready: dict[str, V] = {}
        self._paused: dict[str, tuple[float, V]] = {}
        self._alarms: list[tuple[float, str]] = []
        self._busy: set[str] = set()
        self._newer: dict[str, V] = {}
        self._failures: dict[str, int] = {}
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready) + len(self._paused) + len(self._busy)

    def __contains__(self, key: str) -> bool:
        return key in self._ready or key in self._paused or key in self._busy

    @property
    def failing(self) -> int:
        """How many keys failed and have not succeeded since."""
        return len(self._failures)

    async def quiet(self, within: float) -> bool:
        """Wait until nothing is left to do but what failed, or for so many seconds; whether it is so."""
        deadline = asyncio.get_running_loop().time() + within
        while self._ready or self._busy:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            self._settled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._settled.wait()
        return True

    async def room(self, most: int, until: float | None = None) -> bool:
        """Wait until fewer than ``most`` keys wait for their turn, or until that moment of the event loop's
        time (None: however long); whether it is so."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while len(self._ready) >= most:
                    self._settled.clear()
                    await self._settled.wait()
        return len(self._ready) < most

    def put(self, key: str, value: V) -> None:
        """Take the newest word about ``key``; it is tried at once, whatever failed before."""
        if key in self._busy:
            self._newer[key] = value
            return
        self._paused.pop(key, None)
        self._ready[key] = value
        self._woken.set()

    async def take(self, most: int) -> Mapping[str, V]:
        """Up to ``most`` keys, oldest first, as soon as there is one."""
        while not self._ready_now():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_alarm()):
                    await self._woken.wait()
        taken = {key: self._ready[key] for key, _ in zip(self._ready, range(most), strict=False)}
        for key in taken:
            del self._ready[key]
        self._busy.update(taken)
        self._settled.set()
        return taken

    def done(self, key: str) -> None:
        """It went well."""
        self._failures.pop(key, None)
        self._release(key)

    def again(self, key: str, value: V) -> None:
        """It failed: ``value`` comes back after a pause, unless there is a newer word already."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        if self._release(key):
            return
        pause = min(self._first * 2 ** min(failures - 1, 20), self._longest) * (1 + self._jitter()) / 2
        at = asyncio.get_running_loop().time() + pause
        self._paused[key] = (at, value)
        heapq.heappush(self._alarms, (at, key))
        self._woken.set()

    def _release(self, key: str) -> bool:
        """Whether a newer word waits."""
        self._busy.discard(key)
        if not self._busy:
            self._settled.set()
        if key not in self._newer:
            return False
        self.put(key, self._newer.pop(key))
        return True

    def _ready_now(self) -> bool:
        self._woken.clear()
        now = asyncio.get_running_loop().time()
        while self._alarms and self._alarms[0][0] <= now:
            at, key = heapq.heappop(self._alarms)
            if self._paused.get(key, (None,))[0] == at:
                self._ready[key] = self._paused.pop(key)[1]
        return bool(self._ready)

    def _until_alarm(self) -> float | None:
        if not self._alarms:
            return None
        return max(0.0, self._alarms[0][0] - asyncio.get_running_loop().time())
