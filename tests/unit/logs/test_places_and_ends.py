"""Where a log is in CloudWatch, how its end is read, and what is cut out of its chunks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from nice_operator.domain.ids import RunId, uuid7
from nice_operator.logs.cutting import cut, unbroken
from nice_operator.logs.events import End, end_of, line_of
from nice_operator.logs.place import prefix_of
from nice_operator.ports import LogChunk
from nice_runner.logs.cloudwatch.client import stream_name

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def chunk(first: int, text: str, shown: tuple[str, ...] | None = None) -> LogChunk:
    return LogChunk(first, max(text.count("\n"), 1), AT, "stdout", text, shown)


def said(**members: object) -> str:
    return json.dumps(members)


def line(number: int, text: str = "") -> str:
    return said(n=number, c=number, at=0, s="stdout", t=text)


@pytest.mark.parametrize("task", ["hello", "a:b*c", "ä.b-c", "x/y", "::**"])
def test_the_reader_looks_where_the_worker_writes(task: str) -> None:
    run = RunId(uuid7())

    assert f"{prefix_of('team:a', task, run)}/2" == stream_name("team:a", task, str(run), 2)


def test_an_end_is_read_with_the_lines_before_it() -> None:
    assert end_of([line(8), line(9), said(end=9, gaps=[])]) == End(9, readable=9)
    assert end_of([line(9), said(end=9, gaps=[[2, 3]], cut=True, why="it was killed")]) == End(
        9, ((2, 3),), cut=True, readable=9
    )
    assert end_of([said(end=9), line(9), said(end=9, gaps=[[1, 1]])]) == End(9, ((1, 1),), readable=9)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [line(9)],
        [line(9, said(end=9, gaps=[]))],
        ["{\"end\": 9", "[9]", "9", "\"end\"", "null"],
        [said(n=9, end=9)],
        [said(end="soon")],
        [said(end=9, gaps=[[1]])],
        [said(end=9, gaps=7)],
    ],
    ids=["nothing", "a line", "a line that imitates one", "no objects", "a line with it", "no number",
         "half a gap", "no gaps"],
)  # fmt: skip
def test_what_is_no_end_is_not_taken_for_one(messages: list[str]) -> None:
    assert end_of(messages) is None


def test_an_end_is_no_line() -> None:
    assert line_of(said(end=9, gaps=[])) is None


def test_chunks_are_cut_to_the_lines_that_are_wanted() -> None:
    chunks = [chunk(1, "a\nb\nc\n", ("A", "B", "C")), chunk(4, "d\n\npart")]
    chunks[1] = LogChunk(4, 3, AT, "stdout", "d\n\npart")

    assert cut(chunks, 0) == chunks
    assert cut(chunks, 1) == [chunk(2, "b\nc\n", ("B", "C")), chunks[1]]
    assert cut(chunks, 2, 5) == [chunk(3, "c\n", ("C",)), chunk(4, "d\n")]
    assert cut(chunks, 4) == [LogChunk(5, 2, AT, "stdout", "\npart")]
    assert cut(chunks, 5) == [LogChunk(6, 1, AT, "stdout", "part")]
    assert cut(chunks, 6) == []
    assert cut(chunks, 0, 1) == []


def test_chunks_are_taken_as_far_as_no_number_is_missing_and_no_line_twice() -> None:
    assert unbroken([]) == []
    assert unbroken([chunk(5, "a\nb\n"), chunk(6, "b\nc\n"), chunk(6, "b\n"), chunk(9, "d\n")]) == [
        chunk(5, "a\nb\n"),
        chunk(7, "c\n"),
    ]
