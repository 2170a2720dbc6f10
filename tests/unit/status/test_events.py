"""Events: what is alike is one, and there is never a storm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nice_operator.cluster.errors import KubeRefused, KubeUnavailable
from nice_operator.cluster.events import TOLD_AGAIN_AFTER, WAITING, EventPoster
from nice_operator.domain.notices import Notice
from nice_operator.ports import ShownTask
from tests.unit.status.test_status_book import Hands

FAILED = Notice(True, "RunFailed", "run 1 failed")


@dataclass
class Api:
    """Takes Events, and fails as often as it was told to. ``calls`` are the bodies by method."""

    failures: list[Exception] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._take("create", body)

    async def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._take("merge", body)

    def _take(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.failures:
            raise self.failures.pop(0)
        self.calls.append((method, body))
        self.called.set()
        return body

    async def count(self, wanted: int) -> None:
        """As soon as there were so many calls."""
        async with asyncio.timeout(5):
            while len(self.calls) < wanted:
                self.called.clear()
                await self.called.wait()


def _about(uid: str = "u1") -> ShownTask:
    return ShownTask("team", "hello", uid, 1, "1", b"{}")


@asynccontextmanager
async def _posting(api: Api, hands: Hands) -> AsyncIterator[EventPoster]:
    poster = EventPoster(api, "pod-1", monotonic=hands)  # type: ignore[arg-type]
    running = asyncio.create_task(poster.run())
    try:
        yield poster
    finally:
        running.cancel()


async def test_an_event_is_about_its_object_and_says_who_tells_it() -> None:
    api = Api()
    async with _posting(api, Hands()) as poster:
        poster.post(_about(), FAILED)
        await api.count(1)

    (method, event), *_ = api.calls
    assert method == "create"
    assert event["involvedObject"]["uid"] == "u1"
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "RunFailed", "run 1 failed")
    assert (event["count"], event["reportingInstance"]) == (1, "pod-1")


async def test_what_is_alike_is_one_event_whose_count_grows() -> None:
    api, hands = Api(), Hands()
    async with _posting(api, hands) as poster:
        poster.post(_about(), FAILED)
        await api.count(1)
        for number in range(2, 51):
            poster.post(_about(), Notice(True, "RunFailed", f"run {number} failed"))
        hands.now += TOLD_AGAIN_AFTER
        poster.post(_about(), Notice(True, "RunFailed", "run 51 failed"))
        await api.count(2)

    assert [method for method, _ in api.calls] == ["create", "merge"]
    assert (api.calls[1][1]["count"], api.calls[1][1]["message"]) == (51, "run 51 failed")


async def test_an_event_that_has_expired_is_made_anew() -> None:
    api, hands = Api(), Hands()
    async with _posting(api, hands) as poster:
        poster.post(_about(), FAILED)
        await api.count(1)
        api.failures = [KubeRefused("no such Event", 404, "NotFound")]
        hands.now += TOLD_AGAIN_AFTER
        poster.post(_about(), FAILED)
        await api.count(2)

    assert [method for method, _ in api.calls] == ["create", "create"]
    assert api.calls[1][1]["count"] == 2


async def test_what_comes_too_fast_is_dropped_good_news_first() -> None:
    poster = EventPoster(Api(), "pod-1", monotonic=Hands())  # type: ignore[arg-type]

    for number in range(WAITING):
        poster.post(_about(f"good-{number}"), Notice(False, "Accepted", "well"))
    for number in range(WAITING):
        poster.post(_about(f"bad-{number}"), FAILED)

    assert poster.dropped == WAITING
    assert len(poster._waiting) == WAITING
    assert sum(reason == "RunFailed" for _, reason in poster._waiting) == WAITING // 2


async def test_an_event_waits_while_the_api_server_is_away_and_is_dropped_when_it_is_refused() -> None:
    api, hands = Api(), Hands()
    api.failures = [KubeUnavailable("away", 0.0), KubeRefused("the namespace is going", 403, "Forbidden")]
    async with _posting(api, hands) as poster:
        poster.post(_about("away"), FAILED)
        async with asyncio.timeout(5):
            while len(api.failures) > 1:
                await asyncio.sleep(0)
        hands.now += 1
        async with asyncio.timeout(5):
            while api.failures:
                await asyncio.sleep(0)
        poster.post(_about("next"), FAILED)
        await api.count(1)

    assert [event["involvedObject"]["uid"] for _, event in api.calls] == ["next"]
    assert poster.dropped == 1
