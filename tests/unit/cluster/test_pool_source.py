"""Which pools there are, as lists tell it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.pool_source import PoolSource
from nice_operator.domain.errors import Unavailable
from nice_operator.engine.pool_overview import Conditions
from nice_operator.engine.pools import PoolRegistry
from nice_operator.ports import PoolCondition
from tests.fakes.clock import FakeClock
from tests.support.scripted_kube import Answer, Asked, ScriptedKube, scripted_kube

EVERYWHERE = "/apis/nicecommander.dev/v1beta1/niceworkerpools"


def a_pool(name: str, namespace: str = "nice", generation: int = 1, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": generation}
    return {"metadata": metadata, "spec": spec}


class Listing:
    """A registry fed by a source, and what the API server lists."""

    def __init__(self, kube: ScriptedKube, client: KubeApi) -> None:
        self.kube = kube
        self.client = client
        self.registry = PoolRegistry("nice")
        self.lists: dict[str, Answer] = {}
        self.source = self.of(())
        kube.script = lambda asked: self.lists.get(asked.path)

    def of(self, namespaces: Sequence[str]) -> PoolSource:
        return PoolSource(self.client, self.registry, FakeClock(), namespaces)

    def there_are(self, *pools: dict[str, Any], path: str = EVERYWHERE) -> None:
        self.lists[path] = (200, {"items": list(pools)})

    @property
    def names(self) -> list[str]:
        return [pool.full_name for pool in self.registry.list()]


@pytest.fixture
async def listing(tmp_path: Path) -> AsyncIterator[Listing]:
    async with scripted_kube(tmp_path) as (kube, client):
        yield Listing(kube, client)


async def test_a_list_fills_the_registry(listing: Listing) -> None:
    listing.there_are(a_pool("default"), a_pool("heavy", "team-a", slots=8))

    await listing.source.look()

    assert listing.names == ["nice/default", "team-a/heavy"]
    assert listing.registry.known
    assert listing.registry.list()[1].slots == 8


async def test_an_empty_cluster_is_known_to_be_empty(listing: Listing) -> None:
    listing.there_are()

    await listing.source.look()

    assert listing.registry.known


async def test_what_the_leader_says_of_a_pool_is_news_and_what_it_said_of_an_earlier_one_is_none(
    listing: Listing,
) -> None:
    class Board:
        def __init__(self) -> None:
            self.news: Conditions = {}

        def said(self, conditions: Conditions) -> None:
            self.news = conditions

    board = Board()
    source = PoolSource(listing.client, listing.registry, FakeClock(), (), board)
    ready = {"type": "Ready", "status": "True", "reason": "Connected", "message": "here"}
    stalled = {
        "type": "Stalled",
        "status": "True",
        "reason": "InvalidSpec",
        "message": "old",
        "observedGeneration": 1,
    }
    old = a_pool("old", generation=2) | {"status": {"conditions": [stalled]}}
    listing.there_are(a_pool("default") | {"status": {"conditions": [ready]}}, old, a_pool("new"))

    await source.look()

    assert board.news == {
        "nice/default": [PoolCondition("Ready", True, "Connected", "here")],
        "nice/old": [],
        "nice/new": [],
    }


async def test_a_pool_is_gone_when_it_is_missing_twice(listing: Listing) -> None:
    listing.there_are(a_pool("default"), a_pool("old"))
    await listing.source.look()

    listing.there_are(a_pool("default"))
    await listing.source.look()
    assert listing.names == ["nice/default", "nice/old"]

    await listing.source.look()
    assert listing.names == ["nice/default"]


async def test_a_pool_that_was_missing_once_is_there_as_before(listing: Listing) -> None:
    listing.there_are(a_pool("flaky"))
    await listing.source.look()
    for _ in range(3):
        listing.there_are()
        await listing.source.look()
        listing.there_are(a_pool("flaky"))
        await listing.source.look()

    assert listing.names == ["nice/flaky"]


async def test_where_we_may_not_look_what_was_known_stays(
    listing: Listing, caplog: pytest.LogCaptureFixture
) -> None:
    source = listing.of(("team-a", "team-b"))
    paths = [
        f"/apis/nicecommander.dev/v1beta1/namespaces/{name}/niceworkerpools" for name in ("team-a", "team-b")
    ]
    listing.there_are(a_pool("heavy", "team-a"), path=paths[0])
    listing.there_are(a_pool("light", "team-b"), path=paths[1])
    await source.look()

    listing.lists[paths[0]] = (403, {"message": "forbidden"})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await source.look()

    assert listing.names == ["team-a/heavy", "team-b/light"]
    assert len(caplog.records) == 1


async def test_while_the_api_server_is_away_nothing_is_forgotten(listing: Listing) -> None:
    listing.there_are(a_pool("default"))
    await listing.source.look()
    listing.lists[EVERYWHERE] = (503, {"message": "no"})

    for _ in range(3):
        with pytest.raises(Unavailable):
            await listing.source.look()

    assert listing.names == ["nice/default"]


async def test_a_pool_of_an_older_definition_is_there_and_says_what_is_wrong(listing: Listing) -> None:
    listing.there_are(a_pool("odd", slots="many"))

    await listing.source.look()

    assert "spec.slots" in listing.registry.list()[0].stalled


async def test_whoever_watches_may_tell_of_a_change_earlier(listing: Listing) -> None:
    listing.there_are(a_pool("default"), a_pool("old"))
    await listing.source.look()
    kind = {"apiVersion": "nicecommander.dev/v1beta1", "kind": "NiceWorkerPool"}

    listing.source.shown(kind | a_pool("default", generation=2, slots=9))
    listing.source.gone("nice", "old", "uid-old")
    listing.source.gone("nice", "default", "the uid of an earlier one")

    assert [(pool.name, pool.slots) for pool in listing.registry.list()] == [("default", 9)]


async def test_a_list_of_many_is_read_to_its_end(listing: Listing) -> None:
    def pages(asked: Asked) -> Answer:
        if asked.query.get("continue") == "more":
            return (200, {"items": [a_pool("second")]})
        return (200, {"items": [a_pool("first")], "metadata": {"continue": "more"}})

    listing.kube.script = pages
    await listing.source.look()

    assert listing.names == ["nice/first", "nice/second"]
