"""A log that is kept twice: what counts as missing, and that every archive hears of its end."""

from __future__ import annotations

from collections.abc import Callable

from nice_protocol.messages import Assign, LogEnd, LogLines
from nice_runner.logs.attempt import AttemptLog
from nice_runner.logs.gaps import Gaps
from nice_runner.logs.spool import OVERHEAD, Budget, Spool
from nice_runner.process.run import RunListener
from nice_runner.supervisor.attempt import Attempt, Runner, Tools


class Archive:
    """Takes all lines but those it is told to miss."""

    def __init__(self, *missing: int) -> None:
        self.trouble = ""
        self.complain: Callable[[str], None] = lambda words: None
        self.missing = Gaps((number, number) for number in missing)
        self.taken: list[LogLines] = []
        self.ends: list[LogEnd] = []

    def take(self, chunk: LogLines) -> None:
        self.taken.append(chunk)

    def end(self, end: LogEnd) -> None:
        self.ends.append(end)


def test_a_line_is_missing_when_neither_side_has_it() -> None:
    archive = Archive(1, 3, 4)
    log = AttemptLog(Spool(Budget(2 * (OVERHEAD + 10))), 1_000, archive=archive)
    for _ in range(5):
        log.write("stdout", b"123456789\n")

    end = log.end()

    assert (end.lines, end.complete, end.gaps) == (5, False, [[3, 4]])
    assert [chunk.first for chunk in archive.taken] == [1, 2, 3, 4, 5]
    assert archive.ends == [end]


def test_lines_beyond_the_attempts_limit_are_missing_from_both() -> None:
    archive = Archive()
    log = AttemptLog(Spool(Budget(1_000_000)), 10, archive=archive)
    log.write("stdout", b"12345678\n")
    log.write("stdout", b"x\ny\n")

    end = log.end()

    assert end.gaps == [[3, 4]]
    assert [chunk.first for chunk in archive.taken] == [1, 2], "the second is our own remark"


def test_what_is_wrong_with_the_archive_is_said_in_the_log_and_at_its_end() -> None:
    archive = Archive()
    log = AttemptLog(Spool(Budget(1_000_000)), 1_000, archive=archive)
    log.write("stdout", b"a\n")
    archive.trouble = "refused"
    archive.complain("refused")

    end = log.end()

    assert [(chunk.stream, chunk.text) for chunk in archive.taken][1:] == [("system", "refused\n")]
    assert (end.why, end.complete) == ("refused", True)


def test_the_log_of_a_run_that_is_declined_has_ended() -> None:
    archive = Archive()

    def no_fork(assign: Assign, listener: RunListener) -> Runner:
        raise AssertionError("forked")

    tools = Tools(
        may_run=lambda assign, reply: reply("not on this host"),
        fork=no_fork,
        open_log=lambda assign, changed: AttemptLog(Spool(Budget(1_000)), 1_000, archive=archive),
        changed=lambda attempt: None,
        declined=lambda attempt, why: None,
        freed=lambda attempt: None,
    )

    Attempt(Assign("r", 1, 1, "default", "hello", 1, {}, "null", 1.0, 1.0), tools).begin()

    assert [(end.lines, end.complete) for end in archive.ends] == [(0, False)]
