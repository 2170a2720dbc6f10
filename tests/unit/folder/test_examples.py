"""The examples are what `make run` shows first: each must be good."""

from __future__ import annotations

from pathlib import Path

from nice_operator.folder import lint_paths

EXAMPLES = Path(__file__).parents[3] / "crds/examples"


def test_every_example_is_a_good_task() -> None:
    reports = lint_paths([EXAMPLES])

    assert len(reports) >= 6
    assert [problem for report in reports for problem in report.problems] == []
    assert all(report.tasks for report in reports)
