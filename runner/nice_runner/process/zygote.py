"""A zygote seen from the supervisor: it is asked to fork, and there is another when it is gone.

Two kinds: ``child_zygote`` starts its own, ``neighbour_zygote`` connects to one in another container.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nice_runner.process.secrets import Part, read_parts
from nice_runner.zygote.channel import Channel

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
"""From the end of a zygote to the next one."""

VERSION = 2
"""Of what is said over its socket."""


@dataclass(frozen=True)
class Isolation:
    """What confines the runs of a zygote: the version of Landlock in use, 0 for none and then why."""

    landlock: int = 0
    trouble: str = ""


class Zygote(ABC):
    """One zygote after another; at most one at a time.

    ``present``: whether there is one that forks. ``on_change`` is called when that changes, and when another
    has taken the place of one. ``on_secrets`` is given what is secret in the container of runs, before any
    run can be forked there, and again when it has changed.
    """

    def __init__(self) -> None:
        self.present = False
        self.isolation = Isolation()
        self.on_change: Callable[[], None] = lambda: None
        self.on_secrets: Callable[[Sequence[Part]], None] = lambda parts: None
        self._changeable = False
        self._channel: Channel | None = None
        self._waiting: list[Sequence[int]] = []
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Find the first, and another whenever it is gone."""
        self._keeping = asyncio.create_task(self._keep(), name="zygote")

    def fork(self, descriptors: Sequence[int]) -> None:
        """Ask for a keeper with these descriptors, or let it wait for the next zygote.

        They are duplicates that belong to this call. Should the zygote die before it served this, the
        control channel among them just closes.
        """
        self._waiting.append(descriptors)
        self._send_waiting()

    def look(self) -> None:
        """Let it tell if a file that is secret has changed."""
        if self._changeable and self._channel is not None:
            with suppress(BlockingIOError):  # it is asked again soon
                self._channel.send({"type": "look"})

    async def stop(self) -> None:
        """Leave it. Whoever still has a run must stop it first."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    @abstractmethod
    async def _live_once(self) -> None:
        """Find one, ``_join`` it, and return when it is gone."""

    async def _keep(self) -> None:
        while True:
            await self._live_once()
            await asyncio.sleep(RETRY_SECONDS)

    def _join(self, end: socket.socket, gone: Callable[[], None]) -> None:
        """Speak with the zygote at this end, once it has greeted, until ``_leave``. ``gone`` is called when
        it closes its end."""
        asyncio.get_running_loop().add_reader(end, self._hear, end, gone)

    def _leave(self, end: socket.socket) -> None:
        if end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(end)
            end.close()
        self._channel = None
        if self.present:
            self.present = False
            self.on_change()

    def _hear(self, end: socket.socket, gone: Callable[[], None]) -> None:
        message, descriptors = Channel(end).receive()
        for descriptor in descriptors:
            self.on_secrets(read_parts(descriptor))
        if message is None:
            self._leave(end)
            gone()
        elif message["type"] == "hello":
            self._greeted(message)
            self._channel, self.present = Channel(end), True
            self._send_waiting()
            self.on_change()

    def _greeted(self, hello: dict[str, Any]) -> None:
        for failure in hello["failures"]:
            logger.warning("preload: %s", failure)
        if hello.get("version") != VERSION:
            logger.error(
                "the zygote speaks version %s, expected %s; use the zygote of this very image "
                "(nice-runner install-zygote)",
                *(hello.get("version"), VERSION),
            )
        self._changeable = bool(hello.get("changeable"))
        self.isolation = Isolation(hello.get("landlock", 0), hello.get("trouble", ""))
        if not self.isolation.landlock:
            logger.warning("runs are not kept apart from each other: %s", self.isolation.trouble)

    def _send_waiting(self) -> None:
        while self._waiting and self._channel is not None:
            descriptors = self._waiting[0]
            try:
                self._channel.send({"type": "fork"}, descriptors)
            except BlockingIOError:
                asyncio.get_running_loop().call_later(0.01, self._send_waiting)
                return
            _close_all(self._waiting.pop(0))


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
