"""Kubernetes Events about NiceTasks, as ``kubectl describe`` shows them. Best effort, and never a storm.

What is alike (one object, one reason) is one Event whose count grows. What comes faster than it may be told
is dropped, what is only good news first; the status and the history have it all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from nice_operator.cluster.api import JsonDocument, KubeApi
from nice_operator.cluster.errors import KubeRefused, KubeUnavailable
from nice_operator.cluster.pace import Pace
from nice_operator.domain.notices import Notice
from nice_operator.domain.status import rfc3339
from nice_operator.ports import ShownTask
from nice_operator.resources import API_VERSION, KIND

_log = logging.getLogger(__name__)

COMPONENT = "nice-commander"
RATE, BURST = 20.0, 50
WAITING = 400
"""Series that wait to be told at most; good news at most half of them."""
SERIES = 2_000
"""Series that are remembered."""
ALIKE_WITHIN = 600.0
"""Seconds after which the same is news again, and a new Event."""
TOLD_AGAIN_AFTER = 10.0
"""Seconds between two words about one series."""

Key = tuple[str, str]


@dataclass(slots=True)
class Series:
    """One Event: what is alike about one object. ``name`` is empty until it exists."""

    about: ShownTask
    notice: Notice
    first: datetime
    last: datetime
    count: int = 1
    name: str = ""
    told_at: float = float("-inf")
    heard_at: float = 0.0


class EventPoster:
    """``post`` never waits; ``run`` tells what waits, until cancelled."""

    def __init__(
        self, api: KubeApi, instance: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``instance`` names this replica."""
        self._api = api
        self._instance = instance or COMPONENT
        self._monotonic = monotonic
        self._pace = Pace(RATE, BURST, monotonic)
        self._series: OrderedDict[Key, Series] = OrderedDict()
        self._waiting: dict[Key, None] = {}
        self._news = asyncio.Event()
        self.dropped = 0
        """Notices that nobody was told of since the program began."""

    def post(self, about: ShownTask, notice: Notice) -> None:
        """Tell it soon."""
        key = (about.uid, notice.reason)
        if key not in self._waiting and len(self._waiting) >= (WAITING if notice.warning else WAITING // 2):
            self.dropped += 1
            return
        self._note(key, about, notice)
        self._waiting[key] = None
        self._news.set()

    async def run(self) -> None:
        """One call at a time is enough for what may be told."""
        while True:
            key = self._next()
            if key is None:
                await self._wait()
                continue
            await self._pace.turn()
            await self._tell(key)

    def _note(self, key: Key, about: ShownTask, notice: Notice) -> None:
        now = self._monotonic()
        series = self._series.pop(key, None)
        moment = datetime.now(UTC)
        if series is None or now - series.heard_at > ALIKE_WITHIN:
            series = Series(about, notice, moment, moment)
        else:
            series.about, series.notice, series.last = about, notice, moment
            series.count += 1
        series.heard_at = now
        self._series[key] = series
        while len(self._series) > SERIES:
            forgotten, _ = self._series.popitem(last=False)
            self._waiting.pop(forgotten, None)

    def _next(self) -> Key | None:
        now = self._monotonic()
        ready = (key for key in self._waiting if now - self._series[key].told_at >= TOLD_AGAIN_AFTER)
        return next(ready, None)

    async def _wait(self) -> None:
        """For news, or for a series that may be told again."""
        self._news.clear()
        told = [self._series[key].told_at for key in self._waiting]
        pause = min(told) + TOLD_AGAIN_AFTER - self._monotonic() if told else None
        try:
            async with asyncio.timeout(pause):
                await self._news.wait()
        except TimeoutError:
            return

    async def _tell(self, key: Key) -> None:
        series = self._series[key]
        del self._waiting[key]
        series.told_at = self._monotonic()
        try:
            await self._write(series)
            self._pace.answered()
        except KubeUnavailable as error:
            self._pace.failed(error.retry_after)
            series.told_at = float("-inf")
            self._waiting.setdefault(key)
            _log.debug("an Event waits: %s", error)
        except KubeRefused as error:
            self.dropped += 1
            _log.info("an Event is dropped: %s", error)

    async def _write(self, series: Series) -> None:
        collection = f"/api/v1/namespaces/{series.about.namespace}/events"
        if series.name:
            try:
                await self._api.merge(f"{collection}/{series.name}", _news_of(series))
            except KubeRefused as refusal:
                if refusal.status != 404:  # Events live for an hour
                    raise
            else:
                return
        name = f"{series.about.name[:200]}.{uuid4().hex[:16]}"
        await self._api.create(collection, self._event(series, name))
        series.name = name

    def _event(self, series: Series, name: str) -> JsonDocument:
        about = series.about
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": about.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "type": "Warning" if series.notice.warning else "Normal",
            "reason": series.notice.reason,
            "firstTimestamp": rfc3339(series.first),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance[:128],
            **_news_of(series),
        }


def _news_of(series: Series) -> JsonDocument:
    return {
        "message": series.notice.message[:1024],
        "count": series.count,
        "lastTimestamp": rfc3339(series.last),
    }
