"""A task's schedule in words."""

from __future__ import annotations

from datetime import datetime

import pytest

from nice_operator.web.schedules import in_words
from tests.support.samples import a_spec, a_task


@pytest.mark.parametrize(
    ("moment", "words"),
    [("2026-11-23T20:15:00+00:00", "Once, at 2026-11-23 20:15 UTC"),
     ("2026-11-23T20:15:00+01:00", "Once, at 2026-11-23 20:15 UTC+01:00")],
)  # fmt: skip
def test_a_single_moment_is_told_as_people_write_it(moment: str, words: str) -> None:
    assert in_words(a_task(a_spec(run_at=datetime.fromisoformat(moment)))) == words
