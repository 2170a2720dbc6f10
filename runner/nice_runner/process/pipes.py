"""Our ends of a run's pipes, served by the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

READ_SIZE = 64 * 1024


class PipeReader:
    """Hands on what arrives, at most READ_SIZE bytes at a time, until the end of the pipe."""

    def __init__(self, descriptor: int, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.open = True
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._readable)

    def drain(self) -> None:
        """Take now what is there; the end of the pipe closes it."""
        while self.open and self._read():
            pass

    def close(self) -> None:
        """Whoever still writes is not heard any more."""
        if self.open:
            self.open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _readable(self) -> None:
        self._read()
        if not self.open:
            self._on_end()

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, READ_SIZE)
        except BlockingIOError:
            return False
        if data:
            self._on_data(data)
        else:
            self.close()
        return True


class PipeWriter:
    """Writes bytes as fast as they are read, then closes; with ``more`` only once ``finish`` was called."""

    def __init__(self, descriptor: int, data: bytes, *, more: bool = False) -> None:
        self._descriptor = descriptor
        self._data = memoryview(data)
        self._more = more
        self._loop = asyncio.get_running_loop()
        self._open = True
        os.set_blocking(descriptor, False)
        self._pump()

    def feed(self, data: bytes) -> None:
        """Write these too. What a reader that is gone does not take is dropped."""
        if self._open:
            self._data = memoryview(bytes(self._data) + data)
            self._pump()

    def finish(self) -> None:
        """Nothing more comes: close when all is written."""
        self._more = False
        if self._open and not self._data:
            self.close()

    def close(self) -> None:
        """What was not written stays so."""
        if self._open:
            self._open = False
            self._loop.remove_writer(self._descriptor)
            os.close(self._descriptor)

    def _pump(self) -> None:
        self._write()
        if self._open and self._data:
            self._loop.add_writer(self._descriptor, self._write)

    def _write(self) -> None:
        try:
            self._data = self._data[os.write(self._descriptor, self._data) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._data, self._more = self._data[:0], False
        if not self._data:
            self._loop.remove_writer(self._descriptor)
            if not self._more:
                self.close()
