"""What clients and workers of the job API say, read and written without a socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.errors import InvalidInput
from nice_operator.engine.external.worker import Job
from nice_operator.web.workman.client_messages import (
    GetTasks,
    RunTask,
    ScheduleTask,
    Unknown,
    UnscheduleTask,
    read_request,
)
from nice_operator.web.workman.moments import parse_when
from nice_operator.web.workman.results import Plain, bare, enveloped, shown
from nice_operator.web.workman.worker_messages import (
    GetTask,
    Ignored,
    RegisterTask,
    SendResult,
    job_message,
    read_message,
)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('{"action":"GetTasks"}', GetTasks()),
        ('{"action":"RunTask","name":"a"}', RunTask("a", None)),
        ('{"action":"RunTask","name":"a","options":null}', RunTask("a", "null")),
        ('{"action":"ScheduleTask","name":"a","when":"x"}', ScheduleTask("x", "a", None)),
        ('{"action":"ScheduleTask","name":"a"}', ScheduleTask(None, "a", None)),
        ('{"action":"UnscheduleTask","id":"i"}', UnscheduleTask("i")),
        ('{"id":["i"]}', UnscheduleTask(["i"])),
        ('{"action":"X","id":"i"}', Unknown("X")),
        ('{"action":{"a":1}}', Unknown('{"a":1}')),
        ("{}", Unknown("undefined")),
    ],
)
def test_each_request_is_read_as_what_it_is(text: str, action: object) -> None:
    assert read_request(text).action == action


@pytest.mark.parametrize(
    ("text", "nonce"),
    [('{"nonce":null}', "null"), ("{}", None), ('{"nonce":""}', '""'), ('{"nonce":[1.0]}', "[1.0]")],
)
def test_a_nonce_is_there_if_its_key_is(text: str, nonce: str | None) -> None:
    assert read_request(text).nonce == nonce


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"action":"RegisterTask","name":"a"}', RegisterTask("a")),
        ('{"action":"GetTask","x":1}', GetTask()),
        ('{"action":"SendResult","nonce":"n","result":{"a":1.0}}', SendResult("n", '{"a":1.0}')),
        ('{"action":"SendResult","nonce":"n"}', SendResult("n", None)),
        ('{"action":"SendResult"}', Ignored()),
        ('{"action":"TaskResult"}', Ignored()),
        ('{"action":"RegisterTask","name":1}', Ignored()),
        ("{}", Ignored()),
    ],
)
def test_each_message_of_a_worker_is_read_as_what_it_is(text: str, message: object) -> None:
    assert read_message(text) == message


def test_a_job_has_options_and_a_moment_only_if_it_was_given_them() -> None:
    at = datetime(2020, 2, 2, 20, 20, 20, 250_999, tzinfo=UTC)

    assert job_message(Job("ä", None, "n")) == '{"name":"ä","nonce":"n"}'
    assert job_message(Job("a", "null", "n")) == '{"name":"a","options":null,"nonce":"n"}'
    assert job_message(Job("a", "1", "n", ("i", at))) == (
        '{"name":"a","options":1,"nonce":"n","when":1580674820250,"id":"i"}'
    )


@pytest.mark.parametrize(
    ("result", "alone", "wrapped"),
    [
        (None, "", '{"nonce":1}'),
        ("null", "", '{"nonce":1,"result":null}'),
        ('""', "", '{"nonce":1,"result":""}'),
        ('"a\\"b"', 'a"b', '{"nonce":1,"result":"a\\"b"}'),
        ("[1.0]", "[1.0]", '{"nonce":1,"result":[1.0]}'),
    ],
)
def test_a_result_alone_and_in_its_envelope(result: str | None, alone: str, wrapped: str) -> None:
    assert bare(result) == alone
    assert enveloped("1", result) == wrapped


def test_a_string_is_shown_as_text() -> None:
    assert shown('"true"') == Plain("true")
    assert shown("true") == "true"


@pytest.mark.parametrize(
    "text",
    ["2020-02-02T20:20:20Z", "2020-02-02T20:20:20.000Z", "2020-02-02T22:20:20+02:00", "2020-02-02T20:20:20"],
)
def test_a_moment_with_fractions_an_offset_or_no_zone_is_the_same(text: str) -> None:
    assert parse_when(text) == datetime(2020, 2, 2, 20, 20, 20, tzinfo=UTC)


@pytest.mark.parametrize("what", ["", "x", "2020-02-30T00:00:00Z", None, 5, [], "9" * 100, "10000-01-01"])
def test_what_is_no_moment_is_refused(what: object) -> None:
    with pytest.raises(InvalidInput, match="expected a moment"):
        parse_when(what)


@given(st.datetimes(), st.integers(-23, 23))
def test_every_moment_of_the_calendar_is_read_or_refused(naive: datetime, hours: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        with pytest.raises(InvalidInput):
            parse_when(moment.isoformat())
        return
    assert parse_when(moment.isoformat()) == expected
