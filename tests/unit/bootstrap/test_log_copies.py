"""Copies of log lines on standard output."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from typing import Any

from nice_operator.bootstrap.log_copies import WAITING, CopiedLogs, Copier
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.ports import LogChunk, RunLogs
from tests.support.samples import NOON, a_run

RUN = a_run()


class OneRun:
    """The store, as far as names are looked up."""

    async def get_run(self, run_id: RunId) -> Any:
        return RUN if run_id == RUN.id else None


class Kept:
    """A log store that only remembers."""

    def __init__(self) -> None:
        self.chunks: list[LogChunk] = []

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        self.chunks += chunks

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        return self.chunks

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        self.chunks.clear()


class Stuck(io.StringIO):
    """An output whose reader stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.go.wait(20)
        return super().write(text)


def lines(first: int, text: str) -> LogChunk:
    return LogChunk(first, text.count("\n") or 1, NOON, "stdout", text)


async def copied(*batches: list[LogChunk], run_id: RunId = RUN.id) -> str:
    """What was written for these reports."""
    out, kept = io.StringIO(), Kept()
    copier = Copier(out)
    logs = CopiedLogs(kept, OneRun(), copier)  # type: ignore[arg-type]
    for batch in batches:
        await logs.append(run_id, 1, batch)
    copier.close()
    assert kept.chunks == [chunk for batch in batches for chunk in batch]
    return out.getvalue()


async def test_each_line_says_whose_it_is() -> None:
    prefix = f"[{RUN.namespace}/{RUN.task} {RUN.id}]"
    assert await copied([lines(1, "one\ntwo\n"), lines(3, "three\n")]) == (
        f"{prefix} one\n{prefix} two\n{prefix} three\n"
    )


async def test_a_chunk_that_is_sent_again_is_copied_once() -> None:
    again = lines(1, "one\n")
    assert (await copied([again], [again, lines(2, "two\n")], [again])).count("one") == 1


async def test_control_characters_are_made_visible_and_forge_no_line() -> None:
    text = await copied([lines(1, "\x1b[2Jgone\rover\u202e\n")])
    assert "\\x1b[2Jgone\\rover\\u202e" in text
    assert text.count("\n") == 1


async def test_a_run_that_is_gone_has_an_unknown_name() -> None:
    assert (await copied([lines(1, "one\n")], run_id=RunId(uuid7()))).startswith("[? ")


def test_a_reader_that_stands_still_holds_up_nobody() -> None:
    out = Stuck()
    copier = Copier(out)
    copier.copy("[a]", lines(1, "first\n"))
    assert out.reached.wait(20)
    for number in range(WAITING + 5):
        copier.copy("[a]", lines(number + 2, "more\n"))
    out.go.set()
    copier.close(20)
    assert out.getvalue().count("more") == WAITING


def test_lines_that_could_not_be_copied_are_counted_in_the_next_one() -> None:
    out = Stuck()
    copier = Copier(out)
    copier.copy("[a]", lines(1, "first\n"))
    assert out.reached.wait(20)
    for number in range(WAITING + 5):
        copier.copy("[a]", lines(number + 2, "more\n"))
    out.go.set()
    while "lines were not copied: standard output" not in out.getvalue():
        copier.copy("[a]", lines(1, "after\n"))
    copier.close(20)
