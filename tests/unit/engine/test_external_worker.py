"""One connection of a worker outside: never more than it asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.domain.task import EXTERNAL_WORKERS
from nice_operator.engine.external.worker import MOST_NAMES, MOST_WANTED, ExternalWorker, Job, NotAsked
from nice_operator.ports import OpenSession
from tests.support.samples import NOON


class Sent:
    """A channel that keeps what it is given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.closed: tuple[int, str] | None = None

    def send_job(self, job: Job) -> None:
        self.jobs.append(job)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def a_worker(channel: Any = None) -> ExternalWorker:
    session = OpenSession(SessionId(uuid7()), "external-1", EXTERNAL_WORKERS, {}, 0)
    return ExternalWorker(session, "", "default", channel or Sent(), NOON)


def test_a_worker_that_registered_nothing_or_asked_for_nothing_is_not_hungry() -> None:
    worker = a_worker()
    worker.ask()
    assert not worker.hungry

    worker.register("work")
    assert worker.hungry

    worker.end(1001, "")
    assert not worker.hungry


def test_it_asks_for_its_own_names_in_its_own_namespace() -> None:
    worker = a_worker()
    for name in ("b", "a", "b"):
        worker.register(name)
    worker.ask()

    assert worker.request().queues == ("task:default/b", "task:default/a")
    assert worker.request().free == 1


def test_there_is_an_end_to_names_and_to_asking() -> None:
    worker = a_worker()
    assert all(worker.register(str(number)) for number in range(MOST_NAMES))
    assert not worker.register("one more")
    assert worker.register("0")
    for _ in range(MOST_WANTED + 5):
        worker.ask()
    assert worker.wanted == MOST_WANTED


def test_a_closed_connection_is_given_nothing() -> None:
    channel = Sent()
    worker = a_worker(channel)
    worker.ask()
    worker.end(1001, "x" * 500)

    with pytest.raises(NotAsked):
        worker.give(Job("a", None, "n"))

    assert channel.jobs == []
    assert channel.closed == (1001, "x" * 120)


class Asking(RuleBasedStateMachine):
    """Whatever comes in whatever order: jobs given never exceed jobs asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.channel = Sent()
        self.worker = a_worker(self.channel)
        self.asked = 0

    @rule()
    def ask(self) -> None:
        self.worker.ask()
        self.asked += 1

    @rule(name=st.sampled_from("abc"))
    def register(self, name: str) -> None:
        self.worker.register(name)

    @rule()
    def give(self) -> None:
        try:
            self.worker.give(Job("a", None, "n"))
        except NotAsked:
            assert self.worker.wanted == 0

    @invariant()
    def never_more_than_asked(self) -> None:
        assert len(self.channel.jobs) + self.worker.wanted == self.asked


TestAsking = Asking.TestCase
