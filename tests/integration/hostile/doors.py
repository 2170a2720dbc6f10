"""The WebSockets that there are, and how one comes in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tests.support.access import POD
from tests.support.raw_http import RawSocket

HELLO: dict[str, Any] = {
    "type": "hello", "versions": [1], "session": str(UUID(int=1)), "worker": "pod-1",
    "pool": "default/default", "slots": 4, "host": {"name": "pod-1"},
}  # fmt: skip


@dataclass(frozen=True)
class Door:
    """``first`` is said before anything else; ``limit``: the bytes of a message that is too large."""

    path: str
    headers: dict[str, str]
    first: str
    limit: int

    async def enter(self, socket: RawSocket) -> None:
        """Come as far as to be listened to."""
        if self.first:
            await socket.say(self.first)
            assert json.loads(await socket.text())["type"] == "welcome"


DOORS = {
    "client": Door("/websocket", {}, "", 1_200_000),
    "worker": Door("/worker", {}, "", 1_200_000),
    "link": Door("/api/v1/worker", {"Authorization": f"Bearer {POD}"}, json.dumps(HELLO), 9_000_000),
}
each_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
