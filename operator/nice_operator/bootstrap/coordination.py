"""How the replicas of one installation find each other: wake-ups and leadership, with Redis or without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nice_operator.lease.local import LocalWakeups
from nice_operator.lease.redis_client import RedisLink
from nice_operator.lease.redis_leadership import RedisLeadership
from nice_operator.lease.redis_lock import RedisLock
from nice_operator.lease.redis_place import RedisPlace
from nice_operator.lease.redis_wakeups import RedisWakeups
from nice_operator.lease.row import TTL, RowLeadership
from nice_operator.ports import Clock, Leadership, Store, Wakeups

_NAMESPACE = "redis-namespace"


@dataclass(frozen=True, slots=True)
class Coordination:
    """What ``Engine`` is given."""

    wakeups: Wakeups
    leadership: Leadership


@asynccontextmanager
async def coordination(
    store: Store, holder: str, redis: RedisPlace | None, clock: Clock, *, ttl: float = TTL
) -> AsyncIterator[Coordination]:
    """For the replica called ``holder``. Without ``redis`` replicas poll, and ask the row who leads. Redis
    need not answer now. Raises InvalidInput when its files cannot be used, Unavailable without a database."""
    row = RowLeadership(store, holder, ttl=ttl)
    if redis is None:
        yield Coordination(LocalWakeups(), row)
        return
    redis.read()
    prefix = await _prefix(store)
    link, wakeups = RedisLink(redis), RedisWakeups(redis, prefix=prefix)
    lock = RedisLock(link, prefix=prefix, token=f"{holder} {row.life}", ttl=ttl)
    await wakeups.start()
    try:
        yield Coordination(wakeups, RedisLeadership(lock, row, clock))
    finally:
        await wakeups.stop()
        await link.close()


async def _prefix(store: Store) -> str:
    """Begins every key and channel: that of a database and of nobody else, so that a Redis may be shared."""
    return f"nice:{(await store.secret(_NAMESPACE)).hex()[:16]}:"
