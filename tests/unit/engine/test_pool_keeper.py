"""The keeper of pools, with a cluster and a database in memory that behave as the real ones do."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from nice_operator.domain.errors import Forbidden, InvalidInput, Unavailable
from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.domain.pool import Pool
from nice_operator.engine.pool_keeper import PoolKeeper
from nice_operator.engine.pools import PoolRegistry
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import Deployed, PodFact, PoolStatus, PoolWorker, QueueLoad
from tests.fakes.clock import FakeClock

LONG = timedelta(minutes=1)


@dataclass
class Database:
    """``ports.PoolStore`` in memory."""

    loads: list[QueueLoad] = field(default_factory=list)
    workers: dict[str, PoolWorker] = field(default_factory=dict)

    async def queue_loads(self) -> Sequence[QueueLoad]:
        return self.loads

    async def pool_workers(self) -> Sequence[PoolWorker]:
        return list(self.workers.values())

    async def ask_to_drain(self, sessions: Collection[SessionId]) -> Sequence[SessionId]:
        for name, worker in self.workers.items():
            if worker.session in sessions and not worker.busy:
                self.workers[name] = replace(worker, draining=True)
        return list(sessions)


@dataclass
class Cluster:
    """``ports.PoolCluster`` in memory: pods become workers at once, and those that are not ready go first."""

    database: Database
    replicas: int | None = None
    applied: list[tuple[Pool, int]] = field(default_factory=list)
    reports: list[PoolStatus] = field(default_factory=list)
    reads: int = 0
    refuses: Exception | None = None
    starting: bool = False
    unready: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)

    async def read(self, pool: Pool) -> Deployed | None:
        self.reads += 1
        if self.replicas is None:
            return None
        return Deployed(self.replicas, len(self.names), rolling=False)

    async def apply(self, pool: Pool, replicas: int) -> None:
        if self.refuses:
            raise self.refuses
        self.applied.append((pool, replicas))
        self.replicas = replicas
        while len(self.names) > replicas:
            victim = next((name for name in self.names if name in self.unready), self.names[-1])
            self.names.remove(victim)
            self.database.workers.pop(victim, None)
        while len(self.names) < replicas:
            self._make(pool)

    def _make(self, pool: Pool) -> None:
        name = f"pod-{uuid7()}"
        self.names.append(name)
        if self.starting:
            self.unready.add(name)
        else:
            worker = PoolWorker(SessionId(uuid7()), name, pool.full_name, 0, draining=False)
            self.database.workers[name] = worker

    async def pods(self, pool: Pool) -> Sequence[PodFact]:
        self.unready |= {name for name, worker in self.database.workers.items() if worker.draining}
        return [PodFact(name, name not in self.unready, leaving=False) for name in self.names]

    async def report(self, pool: Pool, status: PoolStatus) -> None:
        self.reports.append(status)


class World:
    """A keeper over one pool, and rounds of it."""

    def __init__(self, **changes: Any) -> None:
        values: dict[str, Any] = {"min": 1, "max": 5, "slots": 2, "idle": timedelta(seconds=60)}
        self.pool = Pool("nice", "default", "u", 1, **(values | changes))
        self.registry = PoolRegistry("nice")
        self.registry.replace([self.pool])
        self.database = Database()
        self.cluster = Cluster(self.database)
        self.clock = FakeClock()
        self.keeper = PoolKeeper(self.registry, self.database, self.cluster, LocalWakeups(), self.clock)

    async def pass_time(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            await self.keeper.round()
            self.clock.now += 2.0

    def wait_for_workers(self, queued: int, queue: str = "pool:default", selector: str = "") -> None:
        self.database.loads = [QueueLoad(queue, selector, queued, LONG)] if queued else []

    def busy(self, *counts: int) -> None:
        """The first workers hold so many runs, the others none."""
        given = [*counts, *[0] * len(self.cluster.names)]
        for name, count in zip(self.cluster.names, given, strict=False):
            self.database.workers[name] = replace(self.database.workers[name], busy=count)

    @property
    def ready(self) -> bool:
        return self.cluster.reports[-1].conditions[0].status


async def test_a_new_pool_is_deployed_with_its_minimum_and_told() -> None:
    world = World()

    await world.pass_time(6)

    assert world.cluster.applied == [(world.pool, 1)]
    assert world.ready
    assert world.cluster.reports[-1].workers == 1


async def test_a_pool_grows_with_its_queue_and_shrinks_when_it_was_idle() -> None:
    world = World()
    await world.pass_time(4)
    world.wait_for_workers(6)
    await world.pass_time(4)
    assert world.cluster.replicas == 3

    world.wait_for_workers(0)
    world.busy(1)
    await world.pass_time(50)
    assert world.cluster.replicas == 3

    await world.pass_time(30)
    assert world.cluster.replicas == 1
    assert next(iter(world.database.workers.values())).busy == 1


async def test_a_pool_goes_to_zero_and_comes_back_for_the_first_run() -> None:
    world = World(min=0)
    world.wait_for_workers(1)
    await world.pass_time(4)
    world.wait_for_workers(0)
    await world.pass_time(80)
    assert world.cluster.replicas == 0
    assert world.ready
    assert world.cluster.reports[-1].conditions[0].reason == "ScaledToZero"

    world.wait_for_workers(1, "pool:nice/default")
    await world.pass_time(4)
    assert world.cluster.replicas == 1


async def test_no_busy_worker_is_ever_among_those_that_go() -> None:
    world = World()
    world.wait_for_workers(10)
    await world.pass_time(4)
    world.wait_for_workers(0)
    world.busy(1, 0, 1, 0, 1)
    holding = set(world.cluster.names[::2])

    await world.pass_time(120)

    assert holding <= set(world.cluster.names)
    assert world.cluster.replicas == 3


async def test_runs_that_want_labels_the_pool_does_not_have_start_nobody() -> None:
    world = World(labels={"disktype": "ssd"})
    world.wait_for_workers(8, selector="gpu=yes")
    await world.pass_time(4)
    assert world.cluster.replicas == 1

    world.wait_for_workers(8, selector="disktype=ssd")
    await world.pass_time(4)
    assert world.cluster.replicas == 4


async def test_another_pools_queue_starts_nobody_here() -> None:
    world = World()
    world.wait_for_workers(8, "pool:team-a/heavy")

    await world.pass_time(4)

    assert world.cluster.replicas == 1


async def test_a_pool_at_rest_costs_no_more_than_a_look_now_and_then() -> None:
    world = World()
    await world.pass_time(10)
    looked, applied, told = world.cluster.reads, len(world.cluster.applied), len(world.cluster.reports)

    await world.pass_time(50)

    assert world.cluster.reads - looked <= 6
    assert len(world.cluster.applied) - applied <= 1
    assert len(world.cluster.reports) == told


async def test_what_somebody_else_scaled_is_brought_back_through_a_drain() -> None:
    world = World()
    await world.pass_time(70)
    await world.cluster.apply(world.pool, 4)

    await world.pass_time(30)

    assert world.cluster.replicas == 1


async def test_a_changed_pool_is_applied_at_once() -> None:
    world = World()
    await world.pass_time(10)
    changed = replace(world.pool, generation=2, slots=8)
    world.registry.replace([changed])

    await world.keeper.round()

    assert world.cluster.applied[-1] == (changed, 1)


async def test_a_stalled_pool_is_told_and_left_as_it_is() -> None:
    world = World()
    await world.pass_time(6)
    world.registry.replace([replace(world.pool, generation=2, stalled="spec.template: no")])

    await world.pass_time(10)

    assert len(world.cluster.applied) == 1
    ready, stalled = world.cluster.reports[-1].conditions
    assert (stalled.status, stalled.reason, stalled.message) == (True, "InvalidSpec", "spec.template: no")
    assert ready.status  # its earlier workers go on


@pytest.mark.parametrize("refusal", [InvalidInput("no field x"), Forbidden("not in this namespace")])
async def test_what_kubernetes_refuses_is_told_in_the_status_and_tried_again(refusal: Exception) -> None:
    world = World()
    world.cluster.refuses = refusal
    await world.pass_time(4)
    assert world.cluster.reports[-1].conditions[1].message == str(refusal)
    assert not world.ready

    world.cluster.refuses = None
    await world.pass_time(20)
    assert world.ready


async def test_a_pool_that_was_refused_and_is_changed_need_not_wait() -> None:
    world = World()
    world.cluster.refuses = InvalidInput("no field x")
    await world.pass_time(2)
    world.cluster.refuses = None
    world.registry.replace([replace(world.pool, generation=2)])

    await world.keeper.round()

    assert world.cluster.replicas == 1


async def test_one_pool_that_fails_keeps_no_other_from_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    other = replace(world.pool, name="zz", uid="u2")
    world.registry.replace([world.pool, other])
    world.cluster.refuses = Unavailable("the API server does not answer")

    with caplog.at_level(logging.WARNING):
        await world.keeper.round()

    assert "nice/default waits" in caplog.text
    assert "nice/zz waits" in caplog.text


async def test_a_new_term_shrinks_nothing_before_it_has_watched() -> None:
    world = World()
    await world.cluster.apply(world.pool, 4)

    await world.pass_time(50)
    assert world.cluster.replicas == 4

    await world.pass_time(40)
    assert world.cluster.replicas == 1


async def test_pods_that_never_start_are_given_up_when_nobody_needs_them() -> None:
    world = World(min=0)
    world.cluster.starting = True
    world.wait_for_workers(4)
    await world.pass_time(6)
    assert world.cluster.replicas == 2
    assert not world.ready

    world.wait_for_workers(0)
    await world.pass_time(80)
    assert world.cluster.replicas == 0
