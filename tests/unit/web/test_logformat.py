"""JSON log lines in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nice_operator.ports import LogChunk
from nice_operator.web.logformat import json_words, reader_of
from nice_operator.web.loglines import Parts, formatted

AT = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"to":3,"message":"sent","level":"info"}', "INFO sent to=3"),
        ('{"level":30,"time":1700000000000,"msg":"sent"}', "INFO 2023-11-14T22:13:20.000Z sent"),
        ('{"ts":1700000000.5,"severity":"ERROR","event":"lost"}', "ERROR 2023-11-14T22:13:20.500Z lost"),
        ('{"time":"12:30","msg":"at noon"}', "12:30 at noon"),
        ('{"level":35,"msg":"x"}', "35 x"),
        ('{"a":1.10,"b":1e400,"c":12345678901234567890}', "a=1.10 b=1e400 c=12345678901234567890"),
        (
            '{"a":"two words","b":"","c":null,"d":[1,{"e":2.50}]}',
            'a="two words" b="" c=null d=[1, {"e": 2.50}]',
        ),
        ('{"time":1e99,"msg":"x"}', "1e99 x"),
        ('{"level":{"a":1},"msg":"x"}', 'x level={"a": 1}'),
        ('{"msg":"x","message":"y"}', "y msg=x"),
    ],
)
def test_level_time_and_message_come_first_then_the_rest(line: str, words: str) -> None:
    assert json_words(line) == words


NO_OBJECTS = ["", "plain", "{broken", '{"a":1', "[1, 2]", '"text"', "{}", "  {", '{"a":1} trailing']
DEEP = ["[" * 100_000, '{"a":' * 50_000]


@pytest.mark.parametrize("line", [*NO_OBJECTS, *DEEP], ids=lambda line: line[:12])
def test_a_line_that_is_no_json_object_is_shown_as_it_is(line: str) -> None:
    assert json_words(line) == line


def test_only_tasks_that_say_so_are_read_as_json() -> None:
    line = '{"level":"info"}'
    assert reader_of({"logFormat": "Json"})(line) == "INFO"
    assert reader_of({"logFormat": "Text"})(line) == line
    assert reader_of({})(line) == line
    assert reader_of(None)(line) == line


def test_our_own_words_are_never_read_as_json() -> None:
    chunk = LogChunk(1, 1, AT, "system", '{"level":"info"}\n')
    assert "".join(formatted([chunk], Parts(json_words))).endswith('system {"level":"info"}\n')


def test_the_tasks_own_text_stands_in_place_of_the_line_and_is_harmless() -> None:
    chunk = LogChunk(1, 2, AT, "stdout", "raw\nsecond\n", ("first\nmore\x1b[2J", "\u202eev\x00il"))
    assert "".join(formatted([chunk])) == (
        "2026-11-23T18:00:00.123Z stdout first\n"
        "                                more\n"
        "2026-11-23T18:00:00.123Z stdout \\u202eev\\x00il\n"
    )
