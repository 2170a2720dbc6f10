"""Secrets in results and messages: masked, and a result stays JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nice_protocol.messages import Assign
from nice_runner.logs.attempt import AttemptLog
from nice_runner.logs.spool import Budget, Spool
from nice_runner.masking.mask import AttemptMask, Secrets

SECRET = "correct-horse"


def mask(payload: str = "null", **env: str) -> AttemptMask:
    """That of an attempt in a pool with one secret, besides a number and a value with a quote."""
    secrets = Secrets()
    secrets.learn([("PASSWORD", SECRET), ("PIN", "1234567890"), ("QUOTED", 'ab"cd\\nefgh')])
    return secrets.of(_assign(payload, env))


def _assign(payload: str, env: dict[str, str]) -> Assign:
    return Assign("r", 1, 1, "default", "t", 1, {"command": ["x"]}, payload, 1.0, 1.0, env=env)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [f"the {SECRET}!", 1]}, {"a": ["the ***!", 1]}),
        ({SECRET: SECRET}, {"***": "***"}),
        (1234567890, "***"),
        ([-1234567890.5], ["***"]),
        ('ab"cd\\nefgh', "***"),
        ("ncorrect-horsen\n", "n***n\n"),
        (None, None),
    ],
)
def test_a_result_is_masked_and_stays_json(value: Any, shown: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert json.loads(mask().result(text)) == shown


def test_a_secret_that_is_written_in_escapes_is_found() -> None:
    assert mask().result(r'"\u0063orrect-horse"') == '"***"'


def test_a_result_without_secrets_keeps_every_digit() -> None:
    text = '{"big": 98765432109876543.10, "text": "a\\u00e9\\n", "twice": 1, "twice": 2}'
    assert mask().result(text) == text


def test_what_came_in_the_payload_goes_back_in_the_result_and_not_into_the_log() -> None:
    given = mask(payload='{"user": "somebody-else", "login": {"password": "from-the-payload"}}')
    assert given.result('"from-the-payload"') == '"from-the-payload"'
    assert given.text("bad login: somebody-else, from-the-payload") == "bad login: somebody-else, ***"


def test_variables_of_the_task_that_look_secret_are_secret() -> None:
    given = mask(API_TOKEN="token-of-the-task", GREETING="good-morning")
    assert given.text("token-of-the-task, good-morning") == "***, good-morning"
    assert given.result('"token-of-the-task"') == '"***"'


def test_a_message_is_masked_by_shape_too() -> None:
    assert mask().text("refused AKIAIOSFODNN7EXAMPLE") == "refused ***"


def test_a_log_masks_its_lines_our_remarks_and_what_the_task_made_of_them() -> None:
    spool = Spool(Budget(10_000))
    log = AttemptLog(spool, 1000, mask=mask())
    for piece in (b"a correct", b"-hor", b"se\nb\n"):
        log.write("stdout", piece)
    log.say(f"its function said {SECRET}")
    log.write("stderr", b"correct-hors")
    log.finish(lambda: None)
    chunks = spool.next_unsent(1 << 20)
    assert [(c.stream, c.text) for c in chunks] == [
        ("stdout", "a ***\nb\n"),
        ("system", "its function said ***\n"),
        ("stderr", "***"),
    ]
    assert log.end().lines == 4
