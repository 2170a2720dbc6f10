"""Nothing from outside can forge a line on the terminal or move its cursor."""

from __future__ import annotations

import logging

import pytest

from nice_operator.bootstrap.console import ConsoleFormatter, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 日本", "plain äöü 日本"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb", "a\\rb"),
        ("bidi\u202etxt", "bidi\\u202etxt"),
        ("one\ntwo", "one\n    two"),
    ],
)
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_forged_line_stays_indented_under_its_own() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "task %s", ("a\n12:00:00 error    forged",), None)

    lines = ConsoleFormatter("%(message)s").format(record).splitlines()

    assert lines[0].endswith("info     task a")
    assert lines[1].startswith("    ")
