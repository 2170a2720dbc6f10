"""What a listing and the database disagree about."""

from __future__ import annotations

from nice_operator.domain.task import KUBERNETES, UNDECLARED
from nice_operator.handlers.sweep import Difference, difference
from nice_operator.ports import KnownTask, ListedTask


def _task(name: str, origin: str, uid: str = "u1") -> KnownTask:
    return KnownTask("team", name, uid, 2, name, origin, in_force=True)


TASK = _task("hello", KUBERNETES)
LISTED = ListedTask("team", "hello", "u1", 2, "", going=False)
NAME = ("team", "hello")


def _told(namespace: str, name: str) -> str | None:
    return ""


def test_what_is_recorded_as_it_is_listed_is_no_difference() -> None:
    assert not difference([TASK], [LISTED], (), _told)


def test_a_task_without_an_object_is_missing() -> None:
    assert difference([TASK], [], (), _told) == Difference({NAME: "u1"}, {})


def test_a_task_whose_object_is_being_deleted_is_missing() -> None:
    going = ListedTask("team", "hello", "u1", 2, "", going=True)

    assert difference([TASK], [going], (), _told) == Difference({NAME: "u1"}, {})


def test_only_tasks_that_came_from_an_object_can_be_missing() -> None:
    others = [_task("job", UNDECLARED), _task("file", "hello.yaml:1")]

    assert not difference(others, [], (), _told)


def test_tasks_of_namespaces_that_are_not_watched_are_not_missing() -> None:
    assert not difference([TASK], [], ("other",), _told)
    assert difference([TASK], [], ("other", "team"), _told).missing == {NAME: "u1"}


def test_another_object_of_the_same_name_is_unheard_and_the_old_one_missing() -> None:
    other = ListedTask("team", "hello", "u2", 1, "", going=False)

    assert difference([TASK], [other], (), _told) == Difference({NAME: "u1"}, {NAME: other})


def test_a_newer_spec_a_newer_request_and_a_new_object_are_unheard() -> None:
    newer = ListedTask("team", "hello", "u1", 3, "", going=False)
    asking = ListedTask("team", "hello", "u1", 2, "now", going=False)
    new = ListedTask("team", "new", "u3", 1, "", going=False)

    assert difference([TASK], [newer], (), _told).unheard == {NAME: newer}
    assert difference([TASK], [asking], (), _told).unheard == {NAME: asking}
    assert difference([TASK], [LISTED, new], (), _told).unheard == {("team", "new"): new}


def test_an_object_that_replaces_an_undeclared_task_is_unheard() -> None:
    job = _task("hello", UNDECLARED, uid="made up")

    assert difference([job], [LISTED], (), _told) == Difference({}, {NAME: LISTED})


def test_only_what_two_listings_say_is_believed() -> None:
    other = ListedTask("team", "hello", "u1", 3, "", going=False)
    first = Difference({("a", "a"): "1", ("a", "b"): "2"}, {NAME: LISTED, ("a", "c"): other})

    empty = first.and_(Difference({}, {}))
    narrowed = first.and_(
        Difference({("a", "b"): "2", ("a", "a"): "another"}, {NAME: other, ("a", "c"): other})
    )

    assert not empty
    assert narrowed == Difference({("a", "b"): "2"}, {("a", "c"): other})
