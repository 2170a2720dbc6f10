"""Two replicas as processes, on a MariaDB and a Redis; all four are killed, frozen or emptied: no two lead
but for a moment, and every planned fire is accounted for exactly once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.mariadb import MariaDb
from tests.support.redis import RedisServer, private_redis, redis_files
from tests.support.replicas import LEASE, empty_database
from tests.support.servers import private_server

WITHIN = 60.0
MOMENT = 1.0
"""Seconds that a thawed leader may take to notice."""


@dataclass
class Replica:
    """A process, and what it said."""

    name: str
    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def when(self, what: str, after: float = 0.0) -> list[dict[str, Any]]:
        return [one for one in list(self.said) if one["what"] == what and one["at"] >= after]

    def leads(self, since: float) -> bool:
        return bool(self.when("leads", since))

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@dataclass
class House:
    """Everything that may be harmed."""

    database: MariaDb
    redis: RedisServer
    replicas: list[Replica]

    def leader(self, since: float | None = None) -> Replica:
        """Whoever leads now, or leads first after ``since``."""
        since = time.monotonic() if since is None else since
        until(lambda: any(one.leads(since) for one in self.replicas))
        return next(one for one in self.replicas if one.leads(since))

    def other(self, than: Replica) -> Replica:
        (other,) = [one for one in self.replicas if one is not than]
        return other

    def terms(self) -> list[int]:
        """The numbers of all terms, in the order in which they began."""
        begun = sorted(
            (one["at"], one["term"]) for replica in self.replicas for one in replica.when("begins")
        )
        return [term for _, term in begun]

    def fires(self) -> list[tuple[str, int, int | None, int | None, int | None]]:
        with self.database.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT state, scheduled_for, missed_first, missed_last, missed_count FROM harm.runs"
            )
            return list(cursor.fetchall())

    def newest_fire(self) -> int:
        return max((fire[1] for fire in self.fires() if fire[0] != "missed"), default=0)


def until(true: Callable[[], bool], within: float = WITHIN) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        server = stack.enter_context(private_server())
        url = empty_database(server, "harm")
        redis = stack.enter_context(private_redis(tmp_path / "redis"))
        files = redis_files(tmp_path / "files", redis)
        replicas = []
        for name in ("a", "b"):
            process = start(url, files, name, tmp_path / f"{name}.log")
            stack.callback(end, process)
            replicas.append(Replica(name, process))
            threading.Thread(target=replicas[-1].listen, daemon=True).start()
        until(lambda: all(one.when("ready") for one in replicas), within=60)
        yield House(server, redis, replicas)


def start(url: str, files: Path, name: str, log: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.replica_program", url, str(files), name]
    with log.open("ab") as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def fires_go_on(house: House) -> None:
    """Two more are fired from now on."""
    before = house.newest_fire()
    until(lambda: house.newest_fire() >= before + 2_000_000)


def every_fire_is_accounted_for(house: House) -> int:
    """Each second of the grid, from the first fire to the last, has one row, or is inside one ``missed`` row.
    Returns how many there are."""
    moments: list[int] = []
    for state, scheduled, first, last, count in house.fires():
        if state == "missed":
            assert first is not None
            assert last is not None
            span = list(range(first, last + 1, 1_000_000))
            assert len(span) == count
            moments += span
        else:
            moments.append(scheduled)
    assert len(moments) == len(set(moments)), "a moment was fired twice"
    assert sorted(moments) == list(range(min(moments), max(moments) + 1, 1_000_000)), "a moment is missing"
    return len(moments)


def one_led_at_a_time(house: House, thawed: float = 0.0) -> None:
    """Nobody said that it leads after a newer term had begun, but for a moment after it ``thawed``."""
    a, b = ([(one["at"], one["term"]) for one in replica.when("leads")] for replica in house.replicas)
    for mine, other in ((a, b), (b, a)):
        for at, term in mine:
            newer = [when for when, number in other if number > term and when < at]
            excused = thawed <= at <= thawed + MOMENT
            assert excused or not newer, f"term {term} was led {at - newer[0]:.3f} s after a newer one began"


def test_a_killed_leader_is_followed_and_no_fire_waits_for_that(house: House) -> None:
    leader = house.leader()
    killed = time.monotonic()
    leader.process.kill()
    fires_go_on(house)

    follower = house.other(leader)
    until(lambda: follower.leads(killed))
    assert follower.when("begins", killed)[0]["at"] - killed < LEASE + 3
    assert house.terms()[:2] == [1, 2]
    every_fire_is_accounted_for(house)


def test_a_frozen_leader_is_followed_and_steps_down_when_it_thaws(house: House) -> None:
    leader = house.leader()
    follower = house.other(leader)
    frozen = time.monotonic()
    leader.freeze()
    until(lambda: follower.leads(frozen))
    fires_go_on(house)
    thawed = time.monotonic()
    leader.thaw()
    until(lambda: bool(leader.when("ends", thawed)))

    fires_go_on(house)
    assert leader.when("ends", thawed)[0]["at"] - thawed < MOMENT
    one_led_at_a_time(house, thawed)
    assert house.terms()[:2] == [1, 2]
    every_fire_is_accounted_for(house)


@pytest.mark.parametrize("harm", ["killed", "frozen", "emptied"])
def test_whatever_befalls_redis_the_leader_stays_and_fires_go_on(house: House, harm: str) -> None:
    leader = house.leader()
    if harm == "killed":
        house.redis.kill()
    elif harm == "frozen":
        house.redis.freeze()
    else:
        house.redis.command("FLUSHALL")
    until_later = time.monotonic() + 2 * LEASE
    fires_go_on(house)
    until(lambda: leader.leads(until_later))
    if harm == "killed":
        house.redis.start()
    house.redis.thaw()
    fires_go_on(house)

    assert house.terms() == [1]
    one_led_at_a_time(house)
    every_fire_is_accounted_for(house)


def test_a_frozen_database_ends_the_term_in_time_and_is_made_up_for(house: House) -> None:
    house.leader()
    frozen = time.monotonic()
    house.database.freeze()
    until(lambda: any(one.when("ends", frozen) for one in house.replicas))
    ended = min(one["at"] for replica in house.replicas for one in replica.when("ends", frozen))
    assert ended - frozen < LEASE
    until(lambda: time.monotonic() > frozen + 2 * LEASE)
    thawed = time.monotonic()
    house.database.thaw()

    house.leader(thawed)
    fires_go_on(house)
    one_led_at_a_time(house)
    assert house.terms()[:2] == [1, 2]
    assert every_fire_is_accounted_for(house) > 2 * LEASE


def test_a_killed_database_is_found_again_and_made_up_for(house: House) -> None:
    house.leader()
    house.database.kill()
    house.database.start()

    fires_go_on(house)
    house.leader()
    one_led_at_a_time(house)
    assert house.terms() == sorted(set(house.terms()))
    every_fire_is_accounted_for(house)
