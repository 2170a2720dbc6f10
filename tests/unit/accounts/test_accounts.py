"""The script that judges a database finds every mistake that is planted in an honest one, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.accounts.__main__ import judge
from tests.accounts.books import read
from tests.accounts.findings import Check
from tests.unit.accounts.conftest import Plant, spoiled

CLOCK = "(SELECT id FROM tasks WHERE name = CAST('clock' AS BLOB))"
FIRED = f"task_id = {CLOCK} AND CAST(fire_key AS TEXT) LIKE 'c:%'"
NEWEST = f"id = (SELECT id FROM runs WHERE {FIRED} AND state = 'succeeded' ORDER BY id DESC LIMIT 1)"
FIRST = f"id = (SELECT id FROM runs WHERE {FIRED} AND state = 'succeeded' ORDER BY id LIMIT 1)"
ATTEMPT = f"run_id = (SELECT id FROM runs WHERE {NEWEST})"
AGAIN = (
    "CREATE TABLE more AS SELECT * FROM {} WHERE {}; UPDATE more SET {}; INSERT INTO {} SELECT * FROM more;"
)


def again(table: str, where: str, change: str) -> str:
    """Copies of rows, changed."""
    return AGAIN.format(table, where, change, table)


PLANTED = {
    Check.UNPLANNED: f"UPDATE runs SET scheduled_for = scheduled_for + 1000000 WHERE {NEWEST}; UPDATE runs "
    f"SET fire_key = CAST('c:' || (scheduled_for / 1000000) AS BLOB) WHERE {NEWEST}",
    Check.TWICE: again("runs", NEWEST, "id = randomblob(16)"),
    Check.UNTOLD: f"DELETE FROM runs WHERE {NEWEST}",
    Check.MISCOUNTED: "UPDATE runs SET missed_count = missed_count + 1 WHERE state = 'missed'",
    Check.MISNAMED: f"UPDATE runs SET scheduled_for = scheduled_for + 1000000 WHERE {NEWEST}",
    Check.TOO_EARLY: f"UPDATE tasks SET next_fire_at = next_fire_at - 1200000000 WHERE id = {CLOCK}",
    Check.CURSOR: f"UPDATE tasks SET fired = fired + 1 WHERE id = {CLOCK}",
    Check.OVERDUE: f"UPDATE tasks SET next_fire_at = next_fire_at - 1200000000 WHERE id = {CLOCK}",
    Check.STRAY: f"DELETE FROM tasks WHERE id = {CLOCK}",
    Check.ORPHAN: f"DELETE FROM runs WHERE {NEWEST}",
    Check.NO_END: f"UPDATE runs SET state = 'queued', finished_at = NULL WHERE {NEWEST}",
    Check.TWO_ENDS: again("attempts", ATTEMPT, "epoch = epoch + 1"),
    Check.HALF_ENDED: f"UPDATE runs SET finished_at = NULL WHERE {NEWEST}",
    Check.UNEXECUTED: f"DELETE FROM attempts WHERE {ATTEMPT}",
    Check.OTHER_OUTCOME: f"UPDATE attempts SET state = 'failed' WHERE {ATTEMPT}",
    Check.COUNTED_WRONG: "UPDATE runs SET lost_count = 0",
    Check.LEFT_OPEN: f"UPDATE attempts SET ended_at = NULL, state = NULL WHERE {ATTEMPT}",
    Check.BACKWARDS: f"UPDATE attempts SET started_at = ended_at + 1 WHERE {ATTEMPT}",
    Check.EXECUTED: again(
        "attempts", ATTEMPT, "run_id = (SELECT id FROM runs WHERE state = 'skipped'), epoch = 0"
    ),
    Check.OVERLAP: f"UPDATE attempts SET started_at = (SELECT started_at FROM runs WHERE {FIRST}), "
    f"claimed_at = 0 WHERE {ATTEMPT}",
    Check.SLOT_KEPT: "UPDATE runs SET active_key = CAST('t:' || lower(hex(task_id)) || ':0' AS BLOB) "
    f"WHERE {NEWEST}",
    Check.SLOT_MISSING: f"UPDATE runs SET state = 'queued', finished_at = NULL WHERE {NEWEST}",
    Check.HELD_BY_NOBODY: "UPDATE runs SET state = 'running', finished_at = NULL, session = randomblob(16), "
    f"lease_until = 1 WHERE {NEWEST}",
}


def test_an_honest_database_adds_up(honest: Path) -> None:
    account = judge(read(f"sqlite:///{honest}"), at_rest=True)

    assert account.findings == []
    assert account.counts["planned moments"] == 7
    assert (account.counts["fired"], account.counts["missed"]) == (4, 3)
    assert (account.counts["runs"], account.counts["attempts"]) == (8, 6)
    assert (account.counts["skipped"], account.counts["failed"]) == (1, 1)
    assert account.counts["runs executed more than once"] == 1


def test_a_copy_without_constraints_adds_up_too(plant: Plant) -> None:
    assert plant("").findings == []


@pytest.mark.parametrize("check", Check, ids=lambda check: check.name.lower())
def test_what_is_planted_is_found(plant: Plant, check: Check) -> None:
    found = plant(PLANTED[check])

    assert check in {finding.check for finding in found.findings}


@pytest.mark.parametrize(
    "column", ["attempt", "epoch"], ids=lambda column: f"a_run_that_counts_{column}_too_low"
)
def test_counters_are_compared_with_the_attempts(plant: Plant, column: str) -> None:
    found = plant(f"UPDATE runs SET {column} = {column} - 1 WHERE {NEWEST}")

    assert {finding.check for finding in found.findings} == {Check.COUNTED_WRONG}


def test_only_moments_of_the_window_are_judged(honest: Path) -> None:
    assert judge(read(f"sqlite:///{honest}"), until=0).counts["planned moments"] == 0


def test_the_command_prints_counts_and_rows_and_exits_by_them(honest: Path, tmp_path: Path) -> None:
    def run(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.accounts", f"sqlite:///{path}", "--at-rest"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    good = run(honest)
    bad = run(spoiled(honest, tmp_path / "bad.db", PLANTED[Check.CURSOR]))

    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "✓ everything adds up")
    assert "planned moments 7" in good.stdout
    assert bad.returncode == 1
    assert (
        "✗ the task counts other fires than it has rows: default/clock: it counts 5, and has 4" in bad.stdout
    )
