"""Redis as both users of it see it: one client, made anew after each failure, that fails soon.

The one place where errors of Redis become ours. What redis-py does by itself is turned off: it would try ten
times, which outlasts any lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.lease.redis_place import RedisAddress, RedisPlace

T = TypeVar("T")

SOCKET_SECONDS = 1.5
"""For a connection, and for an answer: at most a sixth of the shortest lease."""
ANSWER_SECONDS = 3.5
"""For a call in all, its one repetition included."""
FEW = 8
"""Connections of one client."""


class RedisLink:
    """Calls on Redis. What the directory says is read again for each new client, so a changed password or
    certificate counts from the next connection on."""

    def __init__(self, place: RedisPlace) -> None:
        self._place = place
        self._client: Redis | None = None
        self._sentinel: Sentinel | None = None
        self._closed = False

    async def call(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Run a command. Raises Unavailable when Redis does not answer, or answers with an error."""
        async with self.client() as client, asyncio.timeout(ANSWER_SECONDS):
            return await command(client)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Redis]:
        """The client; after a failure inside it is thrown away, and the failure is ours."""
        if self._closed:
            raise Unavailable("redis is not asked any more: this link is closed")
        try:
            yield self._current()
        except (RedisError, OSError, TimeoutError) as error:
            await self._drop()
            raise Unavailable(f"redis does not answer as it should ({_said(error)})") from error
        except InvalidInput as error:
            raise Unavailable(str(error)) from error

    async def close(self) -> None:
        """Let go of the connections, for good: a call that comes late opens none."""
        self._closed = True
        await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        sentinel, self._sentinel = self._sentinel, None
        clients = [client] if client is not None else []
        clients += sentinel.sentinels if sentinel is not None else []
        for one in clients:
            with suppress(RedisError, OSError, TimeoutError):
                await one.aclose()

    def _current(self) -> Redis:
        if self._client is None:
            self._client = self._made(self._place.read())
        return self._client

    def _made(self, address: RedisAddress) -> Redis:
        manner = _manner(address)
        server = manner | {"username": address.username, "password": address.password, "db": address.database}
        if address.master is None:
            (host, port), *_ = address.hosts
            return Redis(host=host, port=port, **server)
        asked = manner | {"password": address.sentinel_password}
        self._sentinel = Sentinel(address.hosts, sentinel_kwargs=asked, **server)  # type: ignore[no-untyped-call]
        made: Redis = self._sentinel.master_for(address.master)
        return made


def _manner(address: RedisAddress) -> dict[str, Any]:
    """How to connect, whoever to."""
    manner: dict[str, Any] = {
        "socket_connect_timeout": SOCKET_SECONDS,
        "socket_timeout": SOCKET_SECONDS,
        "retry": Retry(NoBackoff(), 1),
        "max_connections": FEW,
    }
    if address.tls:
        manner |= {"ssl": True, "ssl_ca_certs": None if address.ca is None else str(address.ca)}
    return manner


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
