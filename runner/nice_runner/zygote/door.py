"""The Unix socket where supervisors knock: one is let in at a time, and the next when it has left.

A supervisor's container may be started anew beside a zygote that goes on. The next supervisor is let in only
when the last run of the one before is gone: it then tells the operator of its new life, which gives those
runs to others.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Iterator

from .channel import Channel, peer_user
from .children import ChildAlarm, collect

ANYBODY = 0o666
"""Who may knock. Who is let in is decided by the user id: a mode and a group would need both containers to
share one, and would keep no process of this user out."""


class Door:
    """Lets in processes of one user, until SIGTERM comes while nobody is in."""

    def __init__(self, path: str, user: int, alarm: ChildAlarm) -> None:
        self._user = user
        self._alarm = alarm
        self._told_to_end = False
        with suppress(FileNotFoundError):
            os.unlink(path)  # left by the container's life before
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        os.chmod(path, ANYBODY)
        self._listener.listen(8)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(alarm, select.POLLIN)
        signal.signal(signal.SIGTERM, self._end)

    def supervisors(self) -> Iterator[Channel]:
        """One after another. Ends when told so; while a supervisor is in, that is its business."""
        while not self._told_to_end:
            ready = [descriptor for descriptor, _ in self._poll.poll()]
            self._alarm.clear()
            for _ in collect():
                pass  # whoever was left to us by a program from outside
            if self._listener.fileno() in ready:
                end = self._listener.accept()[0]
                if is_user(end, self._user):
                    yield Channel(end)
                else:
                    end.close()

    def _end(self, number: int, frame: object) -> None:
        self._told_to_end = True


def is_user(end: socket.socket, expected: int) -> bool:
    """Whether a process of that user is at the other end; says so if not."""
    user = peer_user(end)
    if user != expected:
        print(f"zygote: refused a peer of user {user}; expected {expected}", file=sys.stderr, flush=True)
    return user == expected
