"""Numbering, limits, gaps and the spool's memory."""

from __future__ import annotations

from nice_runner.logs.attempt import AttemptLog
from nice_runner.logs.spool import OVERHEAD, Budget, Spool


def _log(budget: int = 1_000_000, limit: int = 1_000_000) -> AttemptLog:
    return AttemptLog(Spool(Budget(budget)), limit)


def _texts(log: AttemptLog) -> list[str]:
    return [chunk.text for chunk in log.spool.next_unsent(10_000_000)]


def test_numbers_run_over_all_streams() -> None:
    log = _log()
    log.write("stdout", b"a\nb\nrest")
    log.write("stderr", b"c\n")
    log.say("ours")
    end = log.end()
    chunks = log.spool.next_unsent(10_000)
    assert [(c.first, c.lines, c.stream, c.text) for c in chunks] == [
        (1, 2, "stdout", "a\nb\n"),
        (3, 1, "stderr", "c\n"),
        (4, 1, "system", "ours\n"),
        (5, 1, "stdout", "rest"),
    ]
    assert (end.lines, end.complete, end.gaps) == (5, True, [])


def test_beyond_its_limit_lines_are_counted_and_said_to_be_missing() -> None:
    log = _log(limit=10)
    log.write("stdout", b"12345678\n")
    log.write("stdout", b"x\n")
    log.write("stdout", b"y\nz\n")
    end = log.end()
    first, notice = _texts(log)
    assert first == "12345678\n"
    assert "limit of 10 characters" in notice
    assert (end.lines, end.complete, end.gaps) == (5, False, [[3, 5]])


def test_what_does_not_fit_into_memory_is_a_gap_until_half_of_it_is_free() -> None:
    line = 100 + OVERHEAD
    log = _log(budget=4 * line)
    for _ in range(6):
        log.write("stdout", b"x" * 99 + b"\n")
    assert len(log.spool.next_unsent(10_000)) == 4
    log.spool.acknowledge(1)
    log.write("stdout", b"still no room\n")
    log.spool.acknowledge(2)
    log.write("stdout", b"room again\n")
    end = log.end()
    assert (end.lines, end.complete, end.gaps) == (8, False, [[5, 7]])
    assert _texts(log) == ["room again\n"]


def test_unacknowledged_chunks_go_again_in_their_order() -> None:
    log = _log()
    for text in (b"1\n", b"2\n", b"3\n"):
        log.write("stdout", text)
    first = log.spool.next_unsent(1)
    assert [chunk.first for chunk in first] == [1]
    log.spool.next_unsent(1)
    log.spool.acknowledge(1)
    log.spool.resend()
    assert [chunk.first for chunk in log.spool.next_unsent(10_000)] == [2, 3]
    log.spool.acknowledge(3)
    assert log.spool.empty


def test_a_forgotten_log_frees_its_memory() -> None:
    budget = Budget(10 * OVERHEAD)
    spool = Spool(budget)
    log = AttemptLog(spool, 1000)
    for _ in range(20):
        log.write("stdout", b"x\n")
    spool.forget()
    assert spool.empty
    assert budget.take(9 * OVERHEAD)
