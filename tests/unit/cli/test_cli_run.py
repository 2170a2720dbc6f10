"""``nicectl run`` and ``nicectl logs``: what a run says, how it ended, and the exit code of that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import RUN, Nicectl, log_event, run_document
from tests.unit.cli.scripted_server import Script

REQUEST = "/api/v1/tasks/default/hello/runs"
THE_RUN = f"/api/v1/runs/{RUN}"
EVENTS = f"{THE_RUN}/logs/events"


def queued(server: Script) -> None:
    server.json("POST", REQUEST, run_document(state="queued", final=False, attempt=0, log=None), 201)


def test_running_a_task_sends_its_payload_and_names_the_run(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    ended = nicectl("run", "hello", "--payload", '{"n": 12345678901234567890.5}', "--idempotency-key", "k1")
    asked = server.requests[0]
    assert ended.code == 0
    assert ended.out == f"run {RUN} of default/hello is queued\n"
    assert asked.body == '{"payload": {"n": 12345678901234567890.5}}'
    assert asked.headers["Idempotency-Key"] == "k1"
    assert asked.headers["User-Agent"].startswith("nicectl/")


def test_no_payload_leaves_the_default_to_the_server(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    nicectl("run", "hello")
    assert server.requests[0].body == "{}"


def test_a_payload_comes_from_a_file_or_standard_input(
    server: Script, nicectl: Nicectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(server)
    file = tmp_path / "payload.json"
    file.write_text("[1]")
    nicectl("run", "hello", "--payload", f"@{file}")
    read, write = os.pipe()
    os.write(write, b"[2]")
    os.close(write)
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        nicectl("run", "hello", "--payload", "-")
    assert [request.body for request in server.requests] == ['{"payload": [1]}', '{"payload": [2]}']


@pytest.mark.parametrize("payload", ["{name: Ada}", "", "NaN", "@/no/such/file"])
def test_a_payload_that_is_not_json_is_refused_before_anything_is_sent(
    server: Script, nicectl: Nicectl, payload: str
) -> None:
    ended = nicectl("run", "hello", "--payload", payload)
    assert ended.code == 2
    assert "payload" in ended.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("state", "code"), [("succeeded", 0), ("failed", 1), ("lost", 1), ("cancelled", 1), ("timed_out", 124)]
)
def test_waiting_ends_with_the_fate_of_the_run(
    server: Script, nicectl: Nicectl, state: str, code: int
) -> None:
    queued(server)
    server.json("GET", THE_RUN, run_document(state="running", final=False))
    server.json("GET", THE_RUN, run_document(state=state, reason="Why", message="because"))
    ended = nicectl("run", "hello", "--wait")
    assert ended.code == code
    assert RUN in ended.err


def test_waiting_prints_the_result_alone_digit_for_digit(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    text = json.dumps(run_document()).replace(
        '"result": null', '"result": {"n": 1.10, "big": 12345678901234567890}'
    )
    server.answers["GET", THE_RUN].append(_raw(text))
    ended = nicectl("run", "hello", "--wait")
    assert ended.out == '{\n  "n": 1.10,\n  "big": 12345678901234567890\n}\n'


def _raw(text: str):  # type: ignore[no-untyped-def]
    from tests.unit.cli.scripted_server import Answer

    return Answer(text.encode())


def test_following_shows_both_streams_then_the_result(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    server.json("GET", THE_RUN, run_document(state="running", final=False))
    end = run_document(result={"greeting": "Hello"})
    server.events(EVENTS, log_event(1, "one\ntwo\n"), log_event(3, "oops\n", "stderr"), ("end", end, None))
    ended = nicectl("run", "hello", "--follow")
    assert ended.code == 0
    assert ended.out == 'one\ntwo\n{\n  "greeting": "Hello"\n}\n'
    assert ended.err.startswith("oops\n")


def test_another_attempt_is_announced_beside_the_log(server: Script, nicectl: Nicectl) -> None:
    lines = [("log", {"attempt": n, "stream": "stdout", "text": f"try {n}\n"}, f"{n}:1") for n in (1, 2)]
    server.events(EVENTS, *lines, ("end", run_document(), None))
    ended = nicectl("logs", "-f", RUN)
    assert ended.out == "try 1\ntry 2\n"
    assert ended.err == "Attempt 1 did not succeed; attempt 2:\n"


def test_an_attempt_that_there_is_not_is_an_error(server: Script, nicectl: Nicectl) -> None:
    said = "the run has no attempt 5; so far there was 1 attempt"
    server.json("GET", f"{THE_RUN}/logs", {"statusCode": 404, "error": "Not Found", "message": said}, 404)
    ended = nicectl("logs", RUN, "--attempt", "5")
    assert (ended.code, ended.out, ended.err) == (4, "", f"nicectl: {said}\n")
    assert server.requests[0].query == "attempt=5&after=0"


def test_a_log_without_a_last_newline_is_not_glued_to_the_result(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    event = ("log", {"first": 1, "lines": 1, "stream": "stdout", "text": "50 %"}, "1:1")
    server.events(EVENTS, event, ("end", run_document(result=7), None))
    assert nicectl("run", "hello", "--follow").out == "50 %\n7\n"


def test_a_log_that_goes_to_a_file_is_kept_byte_for_byte(server: Script, nicectl: Nicectl) -> None:
    event = ("log", {"first": 1, "lines": 1, "stream": "stdout", "text": "50 %"}, "1:1")
    server.events(EVENTS, event, ("end", run_document(), None))
    assert nicectl("logs", "-f", RUN).out == "50 %"


def test_waiting_and_following_keeps_standard_output_for_the_result(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    server.events(EVENTS, log_event(1, "one\n"), ("end", run_document(result=7), None))
    ended = nicectl("run", "hello", "--wait", "--follow")
    assert ended.out == "7\n"
    assert ended.err.startswith("one\n")


def test_whoever_runs_a_task_sees_its_result_unmasked(server: Script, nicectl: Nicectl) -> None:
    queued(server)
    server.events(EVENTS, ("end", run_document(result={"token": "***"}), None))
    server.json("GET", THE_RUN, run_document(result={"token": "abc"}))
    assert nicectl("run", "hello", "--wait", "--follow").out == '{\n  "token": "abc"\n}\n'
    assert "reveal=result" in server.requests[-1].query


def test_a_broken_stream_is_taken_up_where_it_broke(server: Script, nicectl: Nicectl) -> None:
    server.events(EVENTS, log_event(1, "one\ntwo\n"))
    server.events(EVENTS, log_event(3, "three\n"), ("end", run_document(), None))
    ended = nicectl("logs", "-f", RUN)
    assert ended.out == "one\ntwo\nthree\n"
    assert ended.err.count("connection to the server is lost") == 1
    assert server.requests[-1].headers["Last-Event-ID"] == "1:2"


def test_an_attempt_can_be_followed_alone(server: Script, nicectl: Nicectl) -> None:
    server.events(
        EVENTS, log_event(1, "second try\n"), ("end", run_document(state="queued", final=False), None)
    )
    ended = nicectl("logs", "-f", "--attempt", "2", RUN)
    assert (ended.code, ended.out) == (0, "second try\n")
    assert server.requests[0].query == "attempt=2"


def test_logs_reads_every_page(server: Script, nicectl: Nicectl) -> None:
    def page(first: int | None, text: str, after: int) -> dict[str, object]:
        chunks = [] if first is None else [log_event(first, text)[1]]
        return {"run": RUN, "attempt": 1, "chunks": chunks, "next": after, "log": run_document()["log"]}

    for document in (page(1, "a\nb\n", 2), page(3, "c\n", 3), page(None, "", 3)):
        server.json("GET", f"{THE_RUN}/logs", document)
    ended = nicectl("logs", RUN)
    assert ended.out == "a\nb\nc\n"
    assert [request.query for request in server.requests] == ["after=0", "after=2", "after=3"]


def test_a_log_with_holes_says_so(server: Script, nicectl: Nicectl) -> None:
    log = {"lines": 9, "complete": False, "gaps": [[3, 5]]}
    server.json("GET", f"{THE_RUN}/logs", {"chunks": [], "next": 0, "log": log})
    assert "lines 3–5 are missing" in nicectl("logs", RUN).err


def test_logs_of_a_task_are_those_of_its_newest_run(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/runs", {"runs": [run_document()], "next": None})
    server.json("GET", f"{THE_RUN}/logs", {"chunks": [], "next": 0, "log": None})
    assert nicectl("logs", "hello").code == 0
    assert server.requests[0].query == "namespace=default&task=hello&limit=1"


def test_logs_of_a_task_that_never_ran_say_how_to_run_it(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/runs", {"runs": [], "next": None})
    ended = nicectl("logs", "hello")
    assert ended.code == 4
    assert "nicectl run default/hello" in ended.err


def test_ctrl_c_leaves_the_run_going_and_says_so(server: Script) -> None:
    queued(server)
    server.events(EVENTS, log_event(1, "one\n"), hold=True)
    command = [sys.executable, "-m", "nice_cli", "run", "hello", "--follow", "--server", server.base]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"run {RUN} goes on" in err
    assert f"nicectl cancel {RUN}" in err
    assert "Traceback" not in err
