"""Which time-zone database counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nice_operator.domain.schedule import zone_release
from nice_operator.settings import read_settings


@pytest.mark.parametrize(
    ("name", "text"), [("tzdata.zi", "# version 2031c\n# more\n"), ("+VERSION", "2031c\n")]
)
def test_the_release_is_read_from_the_database_that_counts(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / name).write_text(text)
    assert zone_release([str(tmp_path / "nowhere"), str(tmp_path / "zones")]) == "2031c"


def test_without_one_it_is_that_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "tzdata.zi").write_text("nonsense")
    assert re.fullmatch(r"tzdata \d{4}\.\d+", zone_release([str(tmp_path)]))


def test_the_program_says_it_with_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--version"])
    assert f"time zones of {zone_release()}" in capsys.readouterr().out
