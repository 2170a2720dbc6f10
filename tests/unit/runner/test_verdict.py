"""From what was seen of an end to what is said of it."""

from __future__ import annotations

import json

import pytest

from nice_runner.verdict import Cause, Ending, judge
from nice_runner.zygote.results import ResultRefused, encode_result


def _report(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("cause", "state", "reason", "interrupted"),
    [
        (Cause.DEADLINE, "timed_out", "DeadlineExceeded", False),
        (Cause.CANCEL, "cancelled", "Cancelled", False),
        (Cause.INTERRUPT, "lost", "Interrupted", True),
        (Cause.LEASE_LOST, "lost", "LeaseLost", False),
        (Cause.DISCARD, "lost", "LeaseLost", False),
        (Cause.ABANDONED, "lost", "WorkerLost", False),
    ],
)
def test_a_run_that_was_stopped_ended_for_the_cause_of_its_stop(
    cause: Cause, state: str, reason: str, interrupted: bool
) -> None:
    verdict = judge(Ending(code=0, cause=cause, report=_report(result="1")), program=False, timeout=2)
    assert (verdict.state, verdict.reason, verdict.interrupted) == (state, reason, interrupted)
    assert verdict.result is None


def test_a_timeout_says_how_long_it_was() -> None:
    assert "2.5 s" in judge(Ending(code=0, cause=Cause.DEADLINE), program=True, timeout=2.5).message


def test_a_run_that_used_too_much_memory_says_how_much_and_what_to_do() -> None:
    ending = Ending(signal=9, cause=Cause.MEMORY, memory_used=70 << 20)
    verdict = judge(ending, program=True, timeout=2, memory_limit=64 << 20)
    assert (verdict.state, verdict.reason) == ("failed", "OutOfMemory")
    assert "70.0 MiB" in verdict.message
    assert "64.0 MiB" in verdict.message
    assert "raise the limit" in verdict.message


def test_nobody_knowing_the_end_is_a_loss() -> None:
    assert judge(Ending(), program=False, timeout=1).state == "lost"


@pytest.mark.parametrize(
    "report", [b"", b"nonsense", b"[]", b"1", b'{"error": 1}', b'{"error": {}}', b"[" * 100_000, b"\xff"]
)
def test_python_without_a_report_that_makes_sense_has_no_result(report: bytes) -> None:
    verdict = judge(Ending(code=0, report=report), program=False, timeout=1)
    assert (verdict.state, verdict.reason) == ("failed", "NoResult")


def test_digits_of_a_result_are_never_changed() -> None:
    text = '{"big": 123456789012345678901234567890, "fine": 0.1000000000000000055511151231257827}'
    assert judge(Ending(code=0, report=text.encode()), program=True, timeout=1).result == text
    assert judge(Ending(code=0, report=_report(result=text)), program=False, timeout=1).result == text


def test_a_number_of_a_million_digits_is_read_in_time_or_refused() -> None:
    verdict = judge(Ending(code=0, report=b"1" * 1_000_000, report_size=1_000_000), program=True, timeout=1)
    assert verdict.state == "succeeded"


@pytest.mark.parametrize("text", [b"NaN", b"-Infinity", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"1 2"])
def test_what_is_not_json_is_no_result(text: bytes) -> None:
    verdict = judge(Ending(code=0, report=text, report_size=len(text)), program=True, timeout=1)
    assert (verdict.state, verdict.reason, verdict.result) == ("failed", "ResultNotJson", None)


def test_a_result_beyond_a_mebibyte_says_its_size() -> None:
    verdict = judge(Ending(code=0, report=b"1" * 9, report_size=2_000_000), program=True, timeout=1)
    assert verdict.reason == "ResultTooLarge"
    assert "2000000 bytes" in verdict.message


def test_half_a_character_is_no_result_whoever_wrote_it() -> None:
    written = b'["\\ud800"]'
    by_program = judge(Ending(code=0, report=written, report_size=len(written)), program=True, timeout=1)
    by_python = judge(Ending(code=0, report=_report(result=written.decode())), program=False, timeout=1)
    assert by_program.reason == by_python.reason == "ResultNotJson"
    assert "lone surrogate" in by_program.message
    whole = b'"\\ud83d\\ude00"'
    assert judge(Ending(code=0, report=whole), program=True, timeout=1).result == whole.decode()


def test_an_error_is_told_in_characters_that_can_be_sent_and_within_what_a_message_takes() -> None:
    error = {"reason": "r\udcff", "type": "t\udcff" * 9999, "message": "\udcff" * 7_000_000}
    verdict = judge(Ending(code=1, report=_report(error=error)), program=False, timeout=1)
    assert verdict.reason == "r\\udcff"
    assert verdict.message.startswith("\\udcff\\udcff")
    assert len(verdict.message.encode()) < 64 * 1024
    assert len(verdict.error_type.encode()) <= 256


def test_a_report_that_a_task_wrote_itself_is_held_to_the_same_limit() -> None:
    report = _report(result="1" * 1_048_577)
    verdict = judge(Ending(code=0, report=report, report_size=len(report)), program=False, timeout=1)
    assert (verdict.reason, verdict.result) == ("ResultTooLarge", None)


def test_the_runner_itself_refuses_what_is_too_large_by_one_byte() -> None:
    assert len(encode_result("x" * 1_048_574)) == 1_048_576
    with pytest.raises(ResultRefused, match="1048577 bytes"):
        encode_result("x" * 1_048_575)
