"""Whose status is to be written, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from nice_operator.cluster.status_book import CALM, LONGEST, Entry, StatusBook
from nice_operator.domain.ids import TaskId, uuid7
from nice_operator.ports import ShownTask

NEW = b'{"observedGeneration":-1}'
FIRST, SECOND = b'{"active":0}', b'{"active":1}'
TASK = ShownTask("team", "hello", "u1", 1, "10", NEW)


@dataclass
class Hands:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def book(hands: Hands) -> StatusBook:
    return StatusBook(hands)


def _entry(book: StatusBook) -> Entry:
    entry = book.get("u1")
    assert entry is not None
    return entry


def _write(book: StatusBook, document: bytes, version: str, *, settled: bytes | None = None) -> None:
    assert book.take(9) == ["u1"]
    book.wrote(_entry(book), document, document if settled is None else settled, version)
    book.release("u1")


async def test_a_new_object_is_due_at_once_and_only_once(book: StatusBook) -> None:
    book.recorded(TASK)

    assert book.take(9) == ["u1"]
    assert book.take(9) == []


async def test_the_echo_of_our_own_write_is_no_news(book: StatusBook, hands: Hands) -> None:
    book.recorded(TASK)
    _write(book, FIRST, "11")
    hands.now += 60

    book.shown(replace(TASK, version="11", status=FIRST))

    assert book.waiting == 0


async def test_a_foreign_annotation_is_no_news(book: StatusBook, hands: Hands) -> None:
    book.recorded(TASK)
    _write(book, FIRST, "11")

    book.shown(replace(TASK, version="20", status=FIRST))

    assert book.waiting == 0


async def test_a_status_that_somebody_else_wrote_is_looked_at(book: StatusBook, hands: Hands) -> None:
    book.recorded(TASK)
    _write(book, FIRST, "11")
    hands.now += 60

    book.shown(replace(TASK, version="12", status=b"{}"))

    assert book.take(9) == ["u1"]
    assert not _entry(book).shows(FIRST)


async def test_an_event_from_before_our_write_says_nothing(book: StatusBook, hands: Hands) -> None:
    book.recorded(TASK)
    _write(book, SECOND, "100")
    hands.now += 60

    book.shown(replace(TASK, version="99", status=FIRST))

    assert book.waiting == 0
    assert _entry(book).shows(SECOND)


async def test_what_somebody_wrote_after_us_is_kept_although_it_was_heard_first(
    book: StatusBook, hands: Hands
) -> None:
    book.recorded(TASK)
    book.take(9)
    book.shown(replace(TASK, version="12", status=b"{}"))

    book.wrote(_entry(book), FIRST, FIRST, "11")
    book.release("u1")
    hands.now += 60

    assert book.take(9) == ["u1"]
    assert not _entry(book).shows(FIRST)


async def test_what_an_older_definition_prunes_is_not_written_for_ever(
    book: StatusBook, hands: Hands
) -> None:
    book.recorded(TASK)
    _write(book, SECOND, "11", settled=b"{}")
    hands.now += 60

    book.shown(replace(TASK, version="11", status=b"{}"))

    assert book.waiting == 0
    assert _entry(book).shows(SECOND)
    assert not _entry(book).shows(FIRST)


async def test_an_object_is_written_once_a_second_and_less_often_while_it_keeps_changing(
    book: StatusBook, hands: Hands
) -> None:
    book.recorded(TASK)
    pauses = []
    for number in range(7):
        _write(book, b"%d" % number, str(11 + number))
        wrote_at = hands.now
        book.touch("u1")
        assert book.take(9) == []
        until_due = book.until_due()
        assert until_due is not None
        hands.now += until_due
        pauses.append(hands.now - wrote_at)

    assert pauses == [1, 2, 4, 8, LONGEST, LONGEST, LONGEST]
    _write(book, b"x", "50")
    hands.now += CALM + 1
    book.touch("u1")
    _write(book, b"y", "51")
    book.touch("u1")
    assert book.until_due() == 1


async def test_news_during_a_write_is_looked_at_afterwards(book: StatusBook, hands: Hands) -> None:
    book.recorded(TASK)
    book.take(9)

    book.touch("u1")

    assert book.take(9) == []
    book.wrote(_entry(book), FIRST, FIRST, "11")
    book.release("u1")
    hands.now += 60
    assert book.take(9) == ["u1"]


async def test_what_is_gone_is_not_written(book: StatusBook) -> None:
    book.recorded(TASK)
    task_id = TaskId(uuid7())
    book.know("u1", task_id)

    book.gone("u1")

    book.touch_tasks({task_id})
    assert (len(book), book.take(9)) == (0, [])


async def test_a_task_is_found_by_the_databases_identifier(book: StatusBook) -> None:
    book.recorded(TASK)
    task_id = TaskId(uuid7())
    book.know("u1", task_id)
    book.agree(_entry(book), NEW)
    book.take(9)
    book.release("u1")

    book.touch_tasks({task_id, TaskId(uuid7())})

    assert book.take(9) == ["u1"]


async def test_whatever_waits_again_waits_as_long_as_it_was_told(book: StatusBook, hands: Hands) -> None:
    book.recorded(TASK)
    book.take(9)

    book.release("u1", again_in=5)

    assert book.until_due() == 5
    hands.now += 5
    assert book.take(9) == ["u1"]


async def test_nothing_is_written_before_all_that_there_was_has_been_shown(book: StatusBook) -> None:
    book.begin()
    book.recorded(TASK)

    assert book.take(9) == ()
    assert book.until_due() is None
    assert book.waiting == 1

    book.changed.clear()
    book.complete()

    assert book.changed.is_set()
    assert book.take(9) == ["u1"]
