"""The leader's key in Redis: a hint that somebody leads, so that the others need not ask the database."""

from __future__ import annotations

from redis.asyncio import Redis

from nice_operator.lease.redis_client import RedisLink

KEY = "leader"

_HOLD = """
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if held then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""Compare, then renew. A key that is gone (a restart, FLUSHALL, a failover) is set again by whoever leads."""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisLock:
    """One key with one token and a time to live. Calls raise Unavailable."""

    def __init__(self, link: RedisLink, *, prefix: str, token: str, ttl: float) -> None:
        self._link = link
        self._key = f"{prefix}{KEY}"
        self._token = token
        self._millis = str(int(ttl * 1000))

    async def hold(self) -> bool:
        """Make it ours, or keep it ours, for another while. False: it is somebody else's."""
        return await self._run(_HOLD)

    async def release(self) -> None:
        """Gone, if it was ours."""
        await self._run(_RELEASE)

    async def _run(self, script: str) -> bool:
        async def evaluate(client: Redis) -> bool:
            return bool(await client.eval(script, 1, self._key, self._token, self._millis))

        return await self._link.call(evaluate)
