"""A zygote in another container: reached at a Unix socket in a volume that both containers have.

It may go and come back, with its container; so may we with ours. Its process ids mean nothing here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import Any

from nice_runner.process.zygote import Zygote

logger = logging.getLogger(__name__)


class NeighbourZygote(Zygote):
    """Connected to, and again when it is gone. It lets us in once the runs of a supervisor before us are
    over."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._complained = False
        self._greetings = 0

    async def _live_once(self) -> None:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(end, str(self._path))
        except OSError as error:
            end.close()
            self._complain(error.strerror or str(error))
            return
        self._greetings = 0
        gone = asyncio.Event()
        self._join(end, gone.set)
        try:
            await gone.wait()
        finally:
            self._leave(end)
        self._tell_end()

    def _greeted(self, hello: dict[str, Any]) -> None:
        super()._greeted(hello)
        self._greetings += 1
        self._complained = False
        logger.info("connected to the zygote at %s", self._path)

    def _tell_end(self) -> None:
        if self._greetings:
            logger.error("the zygote at %s is gone, and its runs with it; waiting for another", self._path)
        else:
            self._complain(f"it closed the connection; does its --peer-uid say {os.getuid()}, which we are?")

    def _complain(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("no zygote at %s yet (%s); trying on", self._path, why)
