"""How nicectl fails: one helpful sentence and the exit code that fits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.unit.cli.conftest import RUN, Nicectl, task_document
from tests.unit.cli.scripted_server import Answer, Script


def test_a_server_that_is_not_there_is_one_helpful_sentence(nicectl: Nicectl) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    ended = nicectl("list", "--server", base)
    assert ended.code == 3
    assert ended.err == (
        f"nicectl: no server answers at {base} (Connection refused). Start one with `nicectl dev DIR`, "
        "or name another with --server or NICE_SERVER.\n"
    )


@pytest.mark.parametrize("address", ["localhost:9999", "file:///etc/passwd", "http://[", "http://a b"])
def test_an_address_that_is_none_is_a_usage_error(nicectl: Nicectl, address: str) -> None:
    ended = nicectl("list", "--server", address)
    assert ended.code == 2
    assert "http://localhost:9999" in ended.err


@pytest.mark.parametrize(
    ("status", "code"), [(400, 2), (422, 2), (403, 3), (404, 4), (409, 5), (429, 3), (500, 3), (503, 3)]
)
def test_refusals_have_their_exit_codes(server: Script, nicectl: Nicectl, status: int, code: int) -> None:
    server.json("GET", "/api/v1/tasks", {"statusCode": status, "error": "X", "message": "so it is"}, status)
    ended = nicectl("list")
    assert (ended.code, ended.err) == (code, "nicectl: so it is\n")


def test_every_problem_of_a_payload_is_told_with_its_field(server: Script, nicectl: Nicectl) -> None:
    problems = [{"field": "payload.name", "message": "must be text, found 7"}]
    document = {
        "statusCode": 400,
        "error": "Bad Request",
        "message": "the payload is refused",
        "problems": problems,
    }
    server.json("POST", "/api/v1/tasks/default/hello/runs", document, 400)
    ended = nicectl("run", "hello", "--payload", "{}")
    assert ended.err == "nicectl: the payload is refused\n  payload.name: must be text, found 7\n"


def test_a_problem_that_the_sentence_tells_already_is_not_told_twice(
    server: Script, nicectl: Nicectl
) -> None:
    problems = [{"field": "payload.name", "message": "must be text, found 7"}]
    message = "the payload is refused: payload.name: must be text, found 7"
    document = {"statusCode": 400, "error": "Bad Request", "message": message, "problems": problems}
    server.json("POST", "/api/v1/tasks/default/hello/runs", document, 400)
    assert nicectl("run", "hello", "--payload", "{}").err == f"nicectl: {message}\n"


def test_names_that_exist_are_offered(server: Script, nicectl: Nicectl) -> None:
    document = {
        "statusCode": 404,
        "error": "Not Found",
        "message": "there is no task hullo",
        "nearest": ["hello"],
    }
    server.json("GET", "/api/v1/tasks/default/hullo", document, 404)
    ended = nicectl("describe", "hullo")
    assert ended.code == 4
    assert ended.err == "nicectl: there is no task hullo\n  near to it: hello\n"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>hi</html>", kind="text/html"),
        Answer(b"<html>no</html>", 502, "text/html"),
        Answer(b"[]", 400),
    ],
)
def test_another_program_at_that_address_is_recognised(
    server: Script, nicectl: Nicectl, answer: Answer
) -> None:
    server.raw("GET", "/api/v1/tasks", answer)
    ended = nicectl("list")
    assert ended.code == 3
    assert "is it Nice Commander?" in ended.err


def test_messages_of_the_server_cannot_command_the_terminal(server: Script, nicectl: Nicectl) -> None:
    server.json(
        "GET", "/api/v1/tasks", {"statusCode": 400, "error": "X", "message": "\x1b[2Jgone\u202e"}, 400
    )
    assert nicectl("list").err == "nicectl: \\u001b[2Jgone\\u202e\n"


@pytest.mark.parametrize("name", ["a/", "/b", "other/hello -n default"])
def test_a_task_is_named_once(server: Script, nicectl: Nicectl, name: str) -> None:
    ended = nicectl("describe", *name.split())
    assert ended.code == 2
    assert server.requests == []


def test_wrong_arguments_are_a_usage_error(nicectl: Nicectl) -> None:
    assert nicectl("lsit").code == 2
    assert nicectl("run").code == 2
    assert nicectl("runs", "--state", "done").code == 2


@pytest.mark.parametrize("command", ["dev", "lint"])
def test_a_server_is_not_named_to_a_command_that_asks_none(nicectl: Nicectl, command: str) -> None:
    ended = nicectl("--server", "http://localhost:1", command, "tasks")
    assert ended.code == 2
    assert f"{command} asks no server" in ended.err


@pytest.mark.parametrize("command", [["workers"], ["cancel", RUN], ["retry", RUN]])
def test_a_command_that_names_no_task_takes_no_namespace(nicectl: Nicectl, command: list[str]) -> None:
    assert nicectl(*command, "-n", "other").code == 2


def test_help_tells_the_exit_codes(nicectl: Nicectl) -> None:
    ended = nicectl("--help")
    assert ended.code == 0
    assert "124  the run timed out" in ended.out


def test_the_dev_mode_wants_a_folder_or_a_cluster(nicectl: Nicectl) -> None:
    ended = nicectl("dev")
    assert ended.code == 2
    assert "Missing argument 'DIR'" in ended.err
    assert "--kube" in ended.err


def test_as_a_plugin_of_kubectl_it_calls_itself_so(nicectl: Nicectl) -> None:
    ended = nicectl("run", program="/usr/local/bin/kubectl-nice")
    assert "kubectl nice run" in ended.err


def test_a_reader_that_leaves_early_is_no_failure_of_ours(server: Script) -> None:
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document(name=f"t{n}" * 50) for n in range(2000)]})
    command = [sys.executable, "-m", "nice_cli", "list", "-o", "json", "--server", server.base]
    # unbuffered, Python itself loses the rest of a short write and never hears of the closed pipe
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, b"")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    server: Script, nicectl: Nicectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.json("GET", f"/api/v1/runs/{RUN}/logs", {"chunks": [], "next": 0, "log": None})
    assert nicectl("logs", RUN).code == 0
