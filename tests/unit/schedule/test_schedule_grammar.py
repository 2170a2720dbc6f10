"""What may be written as a schedule, what it means, and how everything else is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule import Every, Manual, parse_schedule
from nice_operator.domain.schedule.cron import Cron


def cron(text: str, key: str = "") -> Cron:
    schedule = parse_schedule(text, key)
    assert isinstance(schedule, Cron)
    return schedule


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0 2 * * 1-5", "0 2 * * 1-5"),
        ("0 2 * * MON-fri", "0 2 * * 1-5"),
        ("  0\t2  *  *  * ", "0 2 * * *"),
        ("00 07 1 jan,Jul *", "0 7 1 1,7 *"),
        ("*/15 8-17/3 1,15 * 7", "*/15 8-17/3 1,15 * 7"),
        ("*/1 1,* * * *", "* * * * *"),
        ("5/10 0 * * *", "5-59/10 0 * * *"),
        ("0 0 * * 2/2", "0 0 * * 2-6/2"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_a_cron_expression_means_what_kubernetes_means_by_it(text: str, plain: str) -> None:
    assert cron(text).plain == plain


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("20 minutes", timedelta(minutes=20)),
        ("every 20 minutes", timedelta(minutes=20)),
        ("every minute", timedelta(minutes=1)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5 hours", timedelta(minutes=90)),
        ("2 seconds", timedelta(seconds=2)),
        ("366 days", timedelta(days=366)),
    ],
)
def test_an_interval_is_a_length_of_time(text: str, step: timedelta) -> None:
    assert parse_schedule(text) == Every(step)


def test_manual_is_a_schedule_that_never_comes() -> None:
    assert parse_schedule("manual") == Manual()


REFUSED = {
    "* * * * * *": "found 6; seconds",
    "0 0 * *": "five fields .* found 4",
    "0 0 1 1 * 2026 0": "found 7",
    "R * * * *": "minute field .*R is not part .* write H",
    "0 0 ? * *": r"day of month field .*\? is not part .* write \*",
    "0 0 L * *": "day of month .*L is not part",
    "0 0 15W * *": "day of month .*W is not part",
    "0 0 * * mon#2": "day of week .*# is not part",
    "5-1 * * * *": "minute .*upwards.* 5-59,0-1",
    "0 0 * * fri-sun": "day of week .*upwards.* 5-6,0$",
    "*/99 * * * *": "step 99 .* at most 59",
    "*/0 * * * *": "a step is at least 1",
    "0-10/11 * * * *": "step 11 .* at most 10",
    "20-30/11 * * * *": "step 11 .* at most 10",
    "0 */24 * * *": "hour .*step 24 .* at most 23, or the single value 0",
    "60 * * * *": "minute .*60 is out of range",
    "0 24 * * *": "hour .*allowed are 0-23",
    "0 0 0 * *": "day of month .*allowed are 1-31",
    "0 0 32 * *": "32 is out of range",
    "0 0 * 13 *": "month .*allowed are 1-12 or jan-dec",
    "0 0 * 0 *": "0 is out of range",
    "0 0 * * 8": "day of week .*allowed are 0-7 or sun-sat",
    "0 0 * january *": "month field",
    "jan 0 * * *": "not understood",
    "1,,2 * * * *": "empty place",
    "1- * * * *": "minute",
    "-1 * * * *": "not understood",
    "1.5 * * * *": "minute",
    "0 0 1-5-9 * *": "day of month",
    "H(0-70) * * * *": "70 is out of range",
    "H(9-3) * * * *": "upwards",
    "0 h * * *": "hour",
    "99999999999999999999 * * * *": "out of range",
    "@reboot": 'write "manual"',
    "@every 5m": "write the interval alone",
    "@Daily": "allowed are @yearly",
    "@daily 5": "allowed are",
    "@": "allowed are @yearly",
    "CRON_TZ=UTC 0 0 * * *": "`timeZone`",
    "TZ=Europe/Berlin 0 0 * * *": "`timeZone`",
    "0\u00a00 * * *": r"character 2 is '\\xa0'",
    "٠ 0 * * *": "ASCII",
    "0 0 * * *\n": "character 10",
    "0 0 * * *\x00": "character 10",
    "0 0\v* * *": "ASCII",
    "": "it is empty",
    "   ": "it is empty",
    ",".join(["1"] * 20_000) + " * * * *": "40007 characters",
    "0 " * 128 + "0": "257 characters",
    "Manual": "not understood",
    "hello": "not understood",
    "every": "not understood",
    "every 0 seconds": "out of range",
    "20 minutez": "unknown unit",
    "0.5 seconds": "out of range",
    "1.5 seconds": "whole number of seconds",
    "367 days": "out of range",
    "1 month": "unknown unit",
}


@pytest.mark.parametrize(("text", "finding"), REFUSED.items(), ids=[ascii(text)[:30] for text in REFUSED])
def test_a_refusal_names_the_schedule_the_finding_and_the_remedy(text: str, finding: str) -> None:
    with pytest.raises(InvalidInput, match=finding) as refusal:
        parse_schedule(text)
    message = str(refusal.value)
    assert message.startswith("schedule ")
    assert len(message) < 420
    assert message.isprintable()


@given(st.text(max_size=300) | st.from_regex(r"[0-9*HLRW?#,/() @a-z-]{1,40}", fullmatch=True))
@example("H H(0-7) H/2 H *")
def test_any_text_is_a_schedule_or_a_refusal(text: str) -> None:
    try:
        outcome: object = parse_schedule(text)
    except InvalidInput as refusal:
        outcome = str(refusal)
    assert outcome.isprintable() if isinstance(outcome, str) else isinstance(outcome, Manual | Every | Cron)


@given(st.text(max_size=30), st.sampled_from(["H H H H H", "H(0-29) H/2 * * H(1-5)", "H/15 * H(3-9)/2 * *"]))
def test_a_hash_stays_in_its_range_and_is_stable(key: str, text: str) -> None:
    first = cron(text, key).plain
    parse_schedule.cache_clear()
    assert cron(text, key).plain == first
    assert "H" not in first
    assert cron(first).plain == first  # reads back: all values are in range


def test_a_hashed_day_exists_in_every_month() -> None:
    days = {int(cron("0 0 H * *", f"default/task-{n}").plain.split()[2]) for n in range(500)}
    assert days == set(range(1, 29))


def test_hashes_spread_tasks_over_the_hour_and_differ_from_field_to_field() -> None:
    plains = [cron("H H * * *", f"default/task-{n}").plain for n in range(600)]
    minutes = [int(plain.split()[0]) for plain in plains]
    hours = [int(plain.split()[1]) for plain in plains]
    assert set(minutes) == set(range(60))
    assert max(minutes.count(minute) for minute in range(60)) < 30
    assert any(minute % 24 != hour for minute, hour in zip(minutes, hours, strict=True))


def test_the_hash_of_a_task_never_changes_between_releases() -> None:
    assert cron("H H H H H", "default/nightly").plain == "23 7 7 11 0"
    assert cron("H/15 H(0-5) * * *", "default/nightly").plain == "8-59/15 1 * * *"
