"""Our search through wall-clock times finds what croniter finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from croniter import croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nice_operator.domain.schedule.cron import Cron, parse_cron
from nice_operator.domain.schedule.rules import bits
from nice_operator.domain.schedule.zones import to_instant, to_seconds


def field(first: int, last: int) -> st.SearchStrategy[str]:
    value = st.integers(first, last)
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.just(f"{first}-{last}"), st.integers(1, last - first)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    item = st.one_of(value.map(str), span, step)
    return st.one_of(
        st.just("*"),
        st.integers(2, last - first).map("*/{}".format),
        st.lists(item, min_size=1, max_size=3).map(",".join),
    )


EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
A_YEAR = 366 * 86_400


def found_by_croniter(text: str, start: datetime, count: int) -> list[int]:
    times = croniter(text, start, ret_type=datetime)
    return [to_seconds(times.get_next()) for _ in range(count)]


def found_by_us(cron: Cron, start: datetime, count: int) -> list[int]:
    found, at = [], to_seconds(start)
    for _ in range(count):
        following = cron.next_in(at + 1, at + 10 * A_YEAR)
        assert following is not None
        found.append(following)
        at = following
    return found


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, MOMENTS)
def test_the_next_times_are_those_of_croniter(text: str, start: datetime) -> None:
    cron = parse_cron(text, "")
    # Written-out weekdays from 0 to 6 are no restriction to croniter; to Kubernetes and us they are one.
    assume(len(cron.weekdays or ()) < 7)
    assert found_by_us(cron, start, 5) == found_by_croniter(text, start, 5)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, MOMENTS, st.integers(1, 3 * 86_400))
def test_a_mask_holds_exactly_the_times_that_stepping_finds(text: str, start: datetime, length: int) -> None:
    cron, first = parse_cron(text, ""), to_seconds(start)
    stepped, at = [], first - 1
    while (following := cron.next_in(at + 1, first + length)) is not None:
        stepped.append(following)
        at = following
    assert sorted(first + bit for bit in bits(cron.mask_in(first, first + length))) == stepped


def test_leap_days_are_found_across_the_century_that_has_none() -> None:
    cron = parse_cron("0 0 29 2 *", "")
    following = cron.next_in(
        to_seconds(datetime(1896, 3, 1, tzinfo=UTC)), to_seconds(datetime(2000, 1, 1, tzinfo=UTC))
    )
    assert following is not None
    assert to_instant(following) == datetime(1904, 2, 29, tzinfo=UTC)


def test_both_day_fields_set_mean_either() -> None:
    cron = parse_cron("0 0 29 2 1", "")
    days = [to_instant(at).day for at in found_by_us(cron, datetime(2024, 1, 1, tzinfo=UTC), 5)]
    assert days == [5, 12, 19, 26, 29]  # the Mondays of February 2024, and the 29th


def test_a_star_with_step_one_does_not_restrict_the_day() -> None:
    cron = parse_cron("0 0 */1 * 1", "")
    first, second = found_by_us(cron, datetime(2024, 1, 1, 12, tzinfo=UTC), 2)
    assert timedelta(seconds=second - first) == timedelta(days=7)


def test_a_date_that_no_year_has_is_known_without_searching() -> None:
    impossible = ("0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30,31 feb *")
    possible = ("0 0 29 2 *", "0 0 31 * *", "0 0 30 2 1", "0 0 31 4,5 *")
    assert not any(parse_cron(text, "").possible for text in impossible)
    assert all(parse_cron(text, "").possible for text in possible)


def test_the_search_ends_with_the_last_december_there_is() -> None:
    cron = parse_cron("0 0 29 2 *", "")
    beginning = to_seconds(datetime(9999, 3, 1, tzinfo=UTC))
    end = to_seconds(datetime(9999, 12, 31, 23, 59, tzinfo=UTC))

    assert cron.next_in(beginning, end) is None
