"""What is said of a worker whose kernel keeps its runs less apart than wanted."""

from __future__ import annotations

import pytest

from nice_operator.domain.isolation import weakness


@pytest.mark.parametrize("facts", [{"landlock": "6"}, {"landlock": "7"}, {}, {"landlock": "new"}])
def test_nothing_is_said_where_nothing_is_missing_or_known(facts: dict[str, str]) -> None:
    assert weakness(facts) == ""


def test_an_older_kernel_lets_runs_signal_each_other() -> None:
    assert weakness({"landlock": "3"}).startswith("its runs can signal each other")


def test_a_kernel_without_it_is_told_with_the_reason_and_the_remedy() -> None:
    words = weakness({"landlock": "0", "landlock_trouble": "this kernel offers no Landlock"})
    assert words == (
        "its runs can signal and read each other (this kernel offers no Landlock); "
        "use nodes with Linux 6.12 or trust them alike"
    )
