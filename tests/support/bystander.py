"""Somebody who does nothing wrong while others do, and a watch on the event loop.

How long the loop was held is measured as CPU time between two of its turns, so that what another process does
on the same machine cannot make it longer: time of the loop's own thread, and time of the whole process, for a
thread that does not let go of the interpreter holds the loop, too.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiohttp import ClientWebSocketResponse

from tests.support.api import ApiServer
from tests.support.raw_http import Said

LONGEST = 0.05
"""Seconds for which nobody may hold the loop; of all threads twice as many, since they work beside it."""
WITHIN = 20.0


class Attack(Protocol):
    """Sends bytes to the server, and returns what it answered. Making them is not watched."""

    async def __call__(self, data: bytes, *, within: float = WITHIN) -> Said: ...


@dataclass
class Watch:
    """What was seen. ``held``: the longest seconds between two turns, of the thread and of the process;
    ``served``: answers to the bystander."""

    held: tuple[float, float] = (0.0, 0.0)
    served: int = 0
    last: tuple[float, float] = (0.0, 0.0)

    def start_over(self) -> None:
        """Forget what was before."""
        self.held, self.served, self.last = (0.0, 0.0), 0, _spent()

    def turn(self) -> None:
        """The loop has come round."""
        now = _spent()
        self.held = (
            max(self.held[0], now[0] - self.last[0]),
            max(self.held[1], now[1] - self.last[1]),
        )
        self.last = now

    def check(self) -> None:
        """Fails when somebody held the loop."""
        thread, process = self.held
        held = (
            f"the loop was held for {thread * 1000:.0f} ms by its thread, {process * 1000:.0f} by the process"
        )
        assert thread < LONGEST and process < 2 * LONGEST, held  # noqa: PT018


def _spent() -> tuple[float, float]:
    return time.thread_time(), time.process_time()


@asynccontextmanager
async def watching(api: ApiServer) -> AsyncIterator[Watch]:
    """Measure and ask all the while. Fails when the bystander was not served, or the loop was held."""
    watch = Watch()
    async with api.client.ws_connect("/websocket") as socket:
        await _ask(socket, -1)
        tasks = [asyncio.create_task(_measure(watch)), asyncio.create_task(_visit(watch, socket))]
        try:
            yield watch
            before = watch.served
            async with asyncio.timeout(WITHIN):
                while watch.served < before + 2:
                    _, pending = await asyncio.wait(tasks, timeout=0.01)
                    assert len(pending) == 2, "the bystander was cut off"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    watch.check()


async def _measure(watch: Watch) -> None:
    watch.start_over()
    while True:
        await asyncio.sleep(0.001)
        watch.turn()


async def _visit(watch: Watch, socket: ClientWebSocketResponse) -> None:
    number = 0
    while True:
        number += 1
        await _ask(socket, number)
        watch.served += 1
        await asyncio.sleep(0.01)


async def _ask(socket: ClientWebSocketResponse, nonce: int) -> None:
    await socket.send_str(json.dumps({"action": "GetTasks", "nonce": nonce}))
    answer = json.loads((await socket.receive(WITHIN)).data)
    assert answer["nonce"] == nonce, answer
