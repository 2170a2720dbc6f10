"""Which names of time zones are accepted."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule import check_time_zone
from nice_operator.domain.schedule.zones import EARLIEST, LATEST, stretches, zone_names


@pytest.mark.parametrize(
    "name", ["UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Calcutta"]
)
def test_an_exact_name_of_the_database_is_accepted(name: str) -> None:
    assert check_time_zone(name) == name


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("europe/berlin", 'write "Europe/Berlin"'),
        ("Europe/Berlin\n", 'write "Europe/Berlin"'),
        ("America/New York", 'write "America/New_York"'),
        ("Europe/Brelin", 'write "Europe/Berlin"'),
        ("EST5EDT", 'write "America/New_York"'),
        ("localtime", 'write "Etc/UTC"'),
        ("Factory", 'write "Etc/UTC"'),
        ("utc", 'write "UTC"'),
        ("", "such as"),
        ("../../etc/passwd", "such as"),
        ("/etc/localtime", "such as"),
        ("Europe", "such as"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "such as"),
        ("+02:00", "such as"),
        ("Europe/Berlin\x00", "such as|Europe/Berlin"),
        ("x" * 100_000, "such as"),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_any_other_name_is_refused_with_the_right_spelling(name: str, remedy: str) -> None:
    with pytest.raises(InvalidInput, match=remedy) as refusal:
        check_time_zone(name)
    assert len(str(refusal.value)) < 250
    assert str(refusal.value).isprintable()


def test_the_stretches_of_a_zone_join_without_hole_or_overlap() -> None:
    for zone in sorted(zone_names())[::12]:
        found = list(stretches(zone, 1_700_000_000, 1_800_000_000))
        assert found[0].start <= 1_700_000_000
        assert found[-1].end >= 1_800_000_000
        for one, following in pairwise(found):
            assert one.end == following.start
            assert one.closes == following.opens
            assert one.offset != following.offset


def test_the_ends_of_time_are_part_of_a_stretch() -> None:
    for at in (EARLIEST, LATEST):
        assert [s for s in stretches("Europe/Berlin", at, at + 1) if s.start <= at < s.end]
