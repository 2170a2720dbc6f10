"""Messages to text and back, and what is refused on the way."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from nice_protocol.codec import Codec
from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import MAX_FRAME
from tests.support.protocol_messages import FROM_WORKER, RUN, all_messages, message_of

PLAIN = Codec(json.dumps, json.loads)
FAST = Codec(orjson.dumps, orjson.loads)
CODECS = pytest.mark.parametrize("codec", [PLAIN, FAST], ids=["json", "orjson"])


def decode(codec: Codec, text: str, type_name: str) -> Any:
    return codec.from_worker(text) if type_name in FROM_WORKER else codec.from_operator(text)


@CODECS
@pytest.mark.parametrize("message", all_messages(), ids=lambda m: m.type)
def test_every_message_survives_the_wire(codec: Codec, message: Any) -> None:
    assert decode(codec, codec.encode(message), message.type) == message


@CODECS
def test_a_field_of_a_newer_version_is_ignored(codec: Codec) -> None:
    value = json.loads(PLAIN.encode(message_of("start"))) | {"colour": "blue"}
    assert codec.from_worker(json.dumps(value)) == message_of("start")


def test_a_field_that_may_be_left_out_has_its_default() -> None:
    text = json.dumps({"type": "welcome", "version": 1, "heartbeat": 5, "lease": None})
    assert PLAIN.from_operator(text).discard == []  # type: ignore[union-attr]


@CODECS
@pytest.mark.parametrize("message", all_messages(), ids=lambda m: m.type)
def test_every_required_field_is_missed(codec: Codec, message: Any) -> None:
    value = json.loads(PLAIN.encode(message))
    optional = {
        "labels",
        "facts",
        "resume",
        "discard",
        "lost",
        "cancel",
        "env",
        "memory_limit",
        "unhandled_errors",
    }
    optional |= {"stop_on_lost_lease", "about", "message", "result", "exit_code", "signal", "stopped_by"}
    optional |= {"interrupted", "error_type", "cpu_seconds", "peak_memory", "log", "type"}
    optional = {"error": {"type", "about"}, "release": {"type", "code", "message"}}.get(
        message.type, optional
    )
    for name in set(value) - optional:
        rest = {key: item for key, item in value.items() if key != name}
        with pytest.raises(ProtocolError) as refusal:
            decode(codec, json.dumps(rest), message.type)
        assert refusal.value.code is Code.MISSING_FIELD
        assert name in refusal.value.message


FRAMES = {
    "not JSON": ("{", Code.BAD_JSON),
    "an array": ("[]", Code.BAD_JSON),
    "nothing": ("", Code.BAD_JSON),
    "a deep array": ("[" * 100_000, Code.BAD_JSON),
    "no type": ("{}", Code.UNKNOWN_TYPE),
    "a type that is no text": ('{"type": ["start"]}', Code.UNKNOWN_TYPE),
    "an unknown type": ('{"type": "begin"}', Code.UNKNOWN_TYPE),
    "an operator's message": (PLAIN.encode(message_of("drain")), Code.UNKNOWN_TYPE),
    "too long": ('"' + "x" * MAX_FRAME + '"', Code.TOO_LARGE),
}


@CODECS
@pytest.mark.parametrize(("text", "code"), FRAMES.values(), ids=FRAMES.keys())
def test_what_is_no_message_is_refused(codec: Codec, text: str, code: Code) -> None:
    with pytest.raises(ProtocolError) as refusal:
        codec.from_worker(text)
    assert refusal.value.code is code


FIELDS: list[tuple[str, str, Any, Code]] = [
    ("start", "run", "1", Code.OUT_OF_RANGE),
    ("start", "run", RUN.upper(), Code.OUT_OF_RANGE),
    ("start", "run", "../etc/passwd", Code.OUT_OF_RANGE),
    ("start", "run", None, Code.WRONG_TYPE),
    ("start", "epoch", -1, Code.OUT_OF_RANGE),
    ("start", "epoch", 2**63, Code.OUT_OF_RANGE),
    ("start", "epoch", 1.0, Code.WRONG_TYPE),
    ("start", "epoch", True, Code.WRONG_TYPE),
    ("start", "epoch", "1", Code.WRONG_TYPE),
    ("start", "host", "machine", Code.WRONG_TYPE),
    ("start", "host", {"name": "m", "load_average": [1.0]}, Code.OUT_OF_RANGE),
    ("start", "host", {"name": "m", "load_average": [1, 2, "3"]}, Code.WRONG_TYPE),
    ("start", "host", {"name": "m", "free_memory": -5}, Code.OUT_OF_RANGE),
    ("credit", "add", 0, Code.OUT_OF_RANGE),
    ("credit", "add", -3, Code.OUT_OF_RANGE),
    ("hello", "worker", "", Code.OUT_OF_RANGE),
    ("hello", "worker", "w" * 254, Code.OUT_OF_RANGE),
    ("hello", "versions", [], Code.OUT_OF_RANGE),
    ("hello", "versions", ["1"], Code.WRONG_TYPE),
    ("hello", "labels", {"a": 1}, Code.WRONG_TYPE),
    ("hello", "labels", {str(i): "x" for i in range(65)}, Code.OUT_OF_RANGE),
    ("hello", "facts", {"landlock": 7}, Code.WRONG_TYPE),
    ("hello", "facts", {"landlock_trouble": "x" * 1025}, Code.OUT_OF_RANGE),
    ("hello", "resume", [{"run": RUN, "epoch": 1, "phase": "dead"}], Code.OUT_OF_RANGE),
    ("hello", "resume", [{"run": "x", "epoch": 1, "phase": "running"}], Code.OUT_OF_RANGE),
    ("heartbeat", "runs", {}, Code.WRONG_TYPE),
    ("finish", "state", "done", Code.OUT_OF_RANGE),
    ("finish", "result", "x" * (1024 * 1024 + 1), Code.OUT_OF_RANGE),
    ("finish", "result", {"a": 1}, Code.WRONG_TYPE),
    ("finish", "message", "half \ud800 pair", Code.OUT_OF_RANGE),
    ("finish", "exit_code", 10**20, Code.OUT_OF_RANGE),
    ("finish", "interrupted", 1, Code.WRONG_TYPE),
    ("finish", "stopped_by", "magic", Code.OUT_OF_RANGE),
    ("finish", "cpu_seconds", -0.5, Code.OUT_OF_RANGE),
    ("finish", "log", {"lines": 3, "complete": True, "gaps": [[1]]}, Code.OUT_OF_RANGE),
    ("log", "chunks", [{"first": 0, "lines": 1, "at": 0, "stream": "stdout", "text": ""}], Code.OUT_OF_RANGE),
    (
        "log",
        "chunks",
        [{"first": 1, "lines": 1, "at": 0, "stream": "console", "text": ""}],
        Code.OUT_OF_RANGE,
    ),
]


@pytest.mark.parametrize(("kind", "field", "value", "code"), FIELDS)
def test_a_field_that_is_not_as_declared_is_refused_and_named(
    kind: str, field: str, value: Any, code: Code
) -> None:
    message = json.loads(PLAIN.encode(message_of(kind))) | {field: value}
    with pytest.raises(ProtocolError) as refusal:
        PLAIN.from_worker(json.dumps(message))
    assert refusal.value.code is code
    assert f"{kind}.{field}" in refusal.value.message
    assert refusal.value.about == kind


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    text = PLAIN.encode(message_of("finish")).replace('"cpu_seconds": null', f'"cpu_seconds": {number}')
    with pytest.raises(ProtocolError) as refusal:
        PLAIN.from_worker(text)
    assert refusal.value.code is Code.OUT_OF_RANGE


def test_a_worker_clock_far_off_is_no_error() -> None:
    message = json.loads(PLAIN.encode(message_of("log")))
    message["chunks"][0]["at"] = -(2**62)
    assert PLAIN.from_worker(json.dumps(message))
