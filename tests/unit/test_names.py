"""Names: what a task may be called, and what it is called where Kubernetes' rules hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.names import is_task_name, resource_names, uid_of

RESOURCE = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@pytest.mark.parametrize("name", ["work", "anotherTask", "JSON Logger", "a/b", "日本", "x" * 253])
def test_any_text_without_control_characters_is_a_name(name: str) -> None:
    assert is_task_name(name)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "\x00", "x" * 254, "日" * 85, "a\u00a0"])
def test_what_nobody_could_read_or_keep_is_no_name(name: str) -> None:
    assert not is_task_name(name)


def test_a_name_that_kubernetes_allows_is_tried_first() -> None:
    assert resource_names("work.daily-1")[0] == "work.daily-1"


def test_another_name_is_derived_readable_and_stable() -> None:
    assert resource_names("JSON Logger") == ("json-logger-4c18580edf",)


@given(st.text(min_size=1, max_size=300))
def test_every_derived_name_is_one_that_kubernetes_allows(name: str) -> None:
    for derived in resource_names(name.encode(errors="replace").decode()):
        assert RESOURCE.fullmatch(derived)
        assert len(derived) <= 253


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=5, unique=True))
def test_no_two_names_end_in_the_same_one(names: list[str]) -> None:
    readable = [name.encode(errors="backslashreplace").decode() for name in names]
    assert len({resource_names(name)[-1] for name in set(readable)}) == len(set(readable))


def test_a_uid_is_the_same_for_ever() -> None:
    assert uid_of("default", "work") == uid_of("default", "work") != uid_of("other", "work")
