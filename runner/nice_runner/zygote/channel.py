"""JSON datagrams with descriptors over a SOCK_SEQPACKET socket: one ``send`` is one ``receive``."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any, Dict, List, Optional, Sequence, Tuple

MAX_DATAGRAM = 65536
MAX_DESCRIPTORS = 8

Message = Dict[str, Any]


class Channel:
    """One end of a conversation. The other end being gone is the message None, never an exception."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> bool:
        """Returns False when nobody is there to hear. Raises BlockingIOError when it would have to wait."""
        try:
            socket.send_fds(self._end, [json.dumps(message).encode()], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def receive(self) -> Tuple[Optional[Message], List[int]]:
        """The next message and its descriptors (closed on exec). Raises BlockingIOError if none is there."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._end, MAX_DATAGRAM, MAX_DESCRIPTORS)
        except ConnectionResetError:
            return None, []
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return (json.loads(data) if data else None), list(descriptors)

    def close(self) -> None:
        self._end.close()


def peer_user(end: socket.socket) -> int:
    """The user id of the process at the other end, as the kernel knows it (SO_PEERCRED)."""
    credentials = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
