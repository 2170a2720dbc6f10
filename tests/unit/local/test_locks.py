"""Locks on files: who holds the data directory and the local worker's place."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nice_operator.domain.errors import Conflict, InvalidInput
from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.local.data_dir import DataDirectory
from nice_operator.local.liveness import LockLiveness
from nice_operator.local.locks import OperatorLock, read_worker_lock


@contextmanager
def held_worker_lock(path: Path, text: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, text.encode())
    try:
        yield
    finally:
        os.close(descriptor)


def holder_text(session: SessionId) -> str:
    return json.dumps({"session": str(session), "pid": 4711, "name": "local"})


def test_a_second_operator_on_the_same_data_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    lock = OperatorLock.acquire(tmp_path / "operator.lock")

    with pytest.raises(Conflict) as refusal:
        OperatorLock.acquire(tmp_path / "operator.lock")

    assert f"process {os.getpid()}" in str(refusal.value)
    assert "--data DIR" in str(refusal.value)
    lock.release()


def test_a_released_operator_lock_can_be_taken_again(tmp_path: Path) -> None:
    OperatorLock.acquire(tmp_path / "operator.lock").release()

    OperatorLock.acquire(tmp_path / "operator.lock").release()


def test_a_missing_or_free_worker_lock_has_no_holder(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    assert read_worker_lock(path) is None

    path.write_text(holder_text(SessionId(uuid7())))

    assert read_worker_lock(path) is None


def test_a_held_worker_lock_names_session_and_process(tmp_path: Path) -> None:
    session = SessionId(uuid7())
    with held_worker_lock(tmp_path / "worker.lock", holder_text(session)):
        holder = read_worker_lock(tmp_path / "worker.lock")

    assert holder is not None
    assert (holder.session, holder.pid) == (session, 4711)


async def test_every_session_but_the_holders_is_dead(tmp_path: Path) -> None:
    living, dead = SessionId(uuid7()), SessionId(uuid7())
    with held_worker_lock(tmp_path / "worker.lock", holder_text(living)):
        verdict = await LockLiveness(tmp_path / "worker.lock").judge(frozenset({living, dead}))

    assert verdict == (frozenset({dead}), frozenset({living}))


async def test_without_a_holder_every_session_is_dead(tmp_path: Path) -> None:
    sessions = frozenset({SessionId(uuid7()), SessionId(uuid7())})

    assert await LockLiveness(tmp_path / "worker.lock").judge(sessions) == (sessions, frozenset())


async def test_a_worker_that_is_still_starting_proves_nobody_dead(tmp_path: Path) -> None:
    sessions = frozenset({SessionId(uuid7())})
    with held_worker_lock(tmp_path / "worker.lock", ""):
        verdict = await LockLiveness(tmp_path / "worker.lock").judge(sessions)

    assert verdict == (frozenset(), frozenset())


def test_the_data_directory_admits_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)

    data = DataDirectory.prepare(tmp_path / "data")

    assert data.path.stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_cannot_be_made_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(InvalidInput, match="--data DIR"):
        DataDirectory.prepare(tmp_path / "file" / "data")


def test_a_directory_that_somebody_uses_otherwise_is_not_shut_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "letter.txt").write_text("dear all")
    with pytest.raises(InvalidInput, match="holds other files"):
        DataDirectory.prepare(home)
    assert home.stat().st_mode & 0o777 == 0o755


def test_an_empty_directory_is_shut_to_others(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    DataDirectory.prepare(empty)
    assert empty.stat().st_mode & 0o777 == 0o700
