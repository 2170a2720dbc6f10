"""The process that speaks with CloudWatch, and its end in the worker.

It is a process of its own because encoding events is work for the interpreter, ten times what reading them
from a run costs: in a thread of the worker's it held up every run's output. It reads the files itself; what
passes between the two is small. Its life does not matter: it knows nothing that does not come with an
errand, ends when the worker does, and is started again when it is gone.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import astuple
from itertools import count
from multiprocessing.connection import Connection
from threading import Lock, Thread

from nice_runner.logs.cloudwatch.client import CloudWatch, Place
from nice_runner.logs.cloudwatch.delivery import Carried, Cloud, Delivery, Farewell
from nice_runner.logs.cloudwatch.trouble import Away, Rejected
from nice_runner.logs.ring import Stretch

logger = logging.getLogger(__name__)

Errand = Stretch | Farewell
Answer = tuple[int, Delivery, Carried]

NICENESS = 5
"""Runs come first: a log may be late by a second, and waits on disk for more."""

PR_SET_DUMPABLE = 4


class Courier:
    """Implements ``stream.Carrier``. The process is started with the first errand."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[tuple[Delivery, Carried]]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return self._process.pid if self._process is not None else None

    async def run(self, delivery: Delivery, errand: Errand) -> tuple[Delivery, Carried]:
        """Carry it out. Raises Away when the process ended meanwhile."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            line = self._line or self._start()
            with suppress(OSError):  # whoever hears that it has ended tells those who wait
                line.send((number, delivery, errand))
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), *astuple(self._place)]
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self._line = line = Connection(ours.detach())
        loop = asyncio.get_running_loop()
        listener = Thread(target=_listen, args=(self, line, self._process, loop), daemon=True)
        listener.start()
        return line

    def answered(self, answer: Answer) -> None:
        """An errand was carried out."""
        number, delivery, carried = answer
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result((delivery, carried))

    def ended(self, line: Connection, status: int) -> None:
        """The process is gone, and with it what it was about."""
        line.close()
        self._line = self._process = None
        away = Away(f"the process that sends logs ended with {status}; another one is started")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(away)


def _listen(
    courier: Courier, line: Connection, process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop
) -> None:
    """In a thread: hear its answers until it ends."""
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        with suppress(EOFError, OSError):
            while True:
                loop.call_soon_threadsafe(courier.answered, line.recv())
        process.kill()
        loop.call_soon_threadsafe(courier.ended, line, process.wait())


# ---------------------------------------------------------------- the process itself


def main() -> None:
    """Carry out errands, several at a time, until the worker is gone."""
    descriptor, *place = sys.argv[1:]
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells of each look for credentials
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # it holds credentials, as the worker does
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the worker ends it
    os.nice(NICENESS)
    line, cloud, speaking = Connection(int(descriptor)), CloudWatch(Place(*place)), Lock()

    def work(number: int, delivery: Delivery, errand: Errand) -> None:
        carried = _carry_out(cloud, delivery, errand)
        with suppress(OSError), speaking:
            line.send((number, delivery, carried))

    with suppress(EOFError, OSError):
        while True:
            Thread(target=work, args=line.recv(), daemon=True).start()
    os._exit(0)  # threads that wait for the network have nobody to tell


def _carry_out(cloud: Cloud, delivery: Delivery, errand: Errand) -> Carried:
    try:
        if isinstance(errand, Stretch):
            return delivery.carry(cloud, errand)
        return delivery.finish(cloud, errand)
    except Exception as error:
        logger.exception("the log %s cannot be brought to CloudWatch", delivery.stream)
        return Carried(0, Rejected(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
