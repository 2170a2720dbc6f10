"""Commands that look at things, and the forms of their answers."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.cli.conftest import RUN, Nicectl, run_document, task_document
from tests.unit.cli.scripted_server import Script

TASK = "/api/v1/tasks/default/hello"


def some_tasks(server: Script) -> None:
    other = task_document(namespace="other", name="bye", nextFireAt=None, lastRuns=[], stalled="broken")
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document(), other]})


def test_the_list_of_tasks_is_a_table(server: Script, nicectl: Nicectl) -> None:
    some_tasks(server)
    header, hello, bye = nicectl("list").out.splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "SCHEDULE", "NEXT", "ACTIVE", "LAST", "RESULT", "STATUS"]
    assert hello.split()[:2] == ["default", "hello"]
    assert "succeeded" in hello
    assert bye.split()[-1] == "stalled"


def test_a_namespace_narrows_the_list(server: Script, nicectl: Nicectl) -> None:
    some_tasks(server)
    assert nicectl("list", "-n", "other", "-o", "name").out == "other/bye\n"


def test_all_namespaces_outweigh_one(server: Script, nicectl: Nicectl) -> None:
    some_tasks(server)
    server.json("GET", "/api/v1/runs", {"runs": [], "next": None})
    assert len(nicectl("-n", "other", "list", "-A", "-o", "name").out.splitlines()) == 2
    nicectl("-n", "other", "runs", "-A")
    assert "namespace" not in server.requests[-1].query


def test_shared_options_may_stand_before_the_command_as_with_kubectl(
    server: Script, nicectl: Nicectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_tasks(server)
    monkeypatch.setenv("NICE_SERVER", "http://127.0.0.1:1")
    assert nicectl("--server", server.base, "-n", "other", "-o", "name", "list").out == "other/bye\n"


def test_what_stands_after_the_command_outweighs_what_stands_before_it(
    server: Script, nicectl: Nicectl
) -> None:
    some_tasks(server)
    ended = nicectl("-n", "default", "-o", "json", "list", "-n", "other", "-o", "name")
    assert ended.out == "other/bye\n"


def test_the_list_shows_how_the_last_run_ended_while_the_next_one_waits(
    server: Script, nicectl: Nicectl
) -> None:
    waiting = run_document(state="queued", final=False)
    server.json(
        "GET", "/api/v1/tasks", {"tasks": [task_document(lastRuns=[waiting, run_document(state="lost")])]}
    )
    shown = nicectl("list").out
    assert "lost" in shown
    assert "queued" not in shown


def test_source_code_is_shown_line_by_line(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", TASK, task_document())
    server.json("GET", f"{TASK}/upcoming", {"timeZone": "Etc/UTC", "fires": []})
    server.json("GET", f"{TASK}/explain", {"message": "it waits"})
    lines = [line.strip() for line in nicectl("describe", "hello").out.splitlines()]
    at = lines.index("source: |")
    assert lines[at + 1 : at + 3] == ["def run(payload):", "return 1"]


def test_a_run_that_waits_says_until_when(server: Script, nicectl: Nicectl) -> None:
    waiting = run_document(state="queued", final=False, availableAt="2999-01-01T02:00:00.000Z")
    server.json("GET", "/api/v1/runs", {"runs": [waiting, run_document()], "next": None})
    header, first, second = nicectl("runs").out.splitlines()
    at = header.index("DUE")
    assert first[at:].startswith("in ")
    assert second[at:].startswith("-")


def test_wide_tables_say_more_and_are_never_cut(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document(description="word " * 60)]})
    assert ("word " * 60).rstrip() in nicectl("list", "-o", "wide").out


def test_json_and_yaml_hold_what_the_server_sent(server: Script, nicectl: Nicectl) -> None:
    some_tasks(server)
    as_json = json.loads(nicectl("list", "-o", "json").out)
    as_yaml = yaml.safe_load(nicectl("list", "-o", "yaml").out)
    assert as_json == as_yaml
    assert as_json[0] == task_document()


def test_no_tasks_is_said_beside_the_answer(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/tasks", {"tasks": []})
    assert "no tasks" in nicectl("list").err
    assert nicectl("list", "-o", "json").out == "[]\n"


def test_describe_shows_schedule_runs_and_definition(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", TASK, task_document())
    server.json(
        "GET",
        f"{TASK}/upcoming",
        {"timeZone": "Etc/UTC", "fires": [{"at": "2999-01-01T02:00:00Z", "key": "c:1"}]},
    )
    server.json("GET", f"{TASK}/explain", {"message": "it waits for its schedule"})
    out = nicectl("describe", "hello").out
    for expected in (
        "At 02:00",
        RUN,
        "timeoutAfter: 2 seconds",
        "it waits for its schedule",
        '"name": "Ada"',
    ):
        assert expected in out


def test_next_asks_for_so_many_moments(server: Script, nicectl: Nicectl) -> None:
    fires = [{"at": "2999-01-01T02:00:00.000Z", "key": "c:1"}]
    server.json("GET", f"{TASK}/upcoming", {"timeZone": "Etc/UTC", "fires": fires})
    ended = nicectl("next", "hello", "-c", "3", "-o", "name")
    assert ended.out == "2999-01-01T02:00:00.000Z\n"
    assert server.requests[0].query == "count=3"


def test_a_task_without_schedule_says_how_to_run_it(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", f"{TASK}/upcoming", {"timeZone": "Etc/UTC", "fires": []})
    assert "nicectl run default/hello" in nicectl("next", "hello").err


def test_runs_are_filtered_by_the_server(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/runs", {"runs": [run_document(state="failed")], "next": RUN})
    ended = nicectl("runs", "hello", "--state", "failed", "--state", "lost", "--limit", "1")
    assert server.requests[0].query == "namespace=default&task=hello&state=failed&state=lost&limit=1"
    assert "failed" in ended.out
    assert "--limit" in ended.err


def test_cancel_tells_whether_the_run_has_stopped_yet(server: Script, nicectl: Nicectl) -> None:
    path = f"/api/v1/runs/{RUN}/cancel"
    server.json("POST", path, run_document(state="running", final=False), 202)
    server.json("POST", path, run_document(state="cancelled"))
    assert "is being stopped" in nicectl("cancel", RUN).out
    assert "is cancelled" in nicectl("cancel", RUN).out


def test_retry_names_the_new_run(server: Script, nicectl: Nicectl) -> None:
    other = RUN[:-1] + "2"
    server.json("POST", f"/api/v1/runs/{RUN}/retry", run_document(id=other, state="queued", final=False), 201)
    assert nicectl("retry", RUN, "-o", "name").out == other + "\n"


def test_workers_are_listed(server: Script, nicectl: Nicectl) -> None:
    worker = {"name": "local", "pool": "default", "slots": 8, "draining": False, "runs": [{"id": RUN}]}
    server.json("GET", "/api/v1/workers", {"workers": [worker]})
    assert nicectl("workers").out.splitlines()[1].split() == ["local", "default", "8", "1", "ready"]


def test_pools_are_listed_and_what_is_wrong_is_said(server: Script, nicectl: Nicectl) -> None:
    sound = {
        "namespace": "nice", "name": "default", "workers": 2, "draining": 1, "slots": 4, "busySlots": 3,
        "queued": 12, "oldestWaitSeconds": 75.2, "trouble": None,
        "deployment": {"replicas": 3, "ready": 2, "rolling": False, "failure": None},
        "conditions": [{"type": "Ready", "status": True, "reason": "Connected", "message": ""}],
    }  # fmt: skip
    idle = sound | {
        "name": "gpu", "workers": 0, "draining": 0, "slots": 0, "busySlots": 0, "queued": 0,
        "oldestWaitSeconds": None, "trouble": "quota exceeded", "deployment": None,
    }  # fmt: skip
    server.json("GET", "/api/v1/pools", {"pools": [sound, idle]})

    ended = nicectl("pools")

    first, second = ended.out.splitlines()[1:3]
    assert first.split() == ["nice/default", "2", "3/4", "12", "1m15s", "2/3", "Connected"]
    assert second.split() == ["nice/gpu", "0", "0/0", "0", "-", "-", "trouble"]
    assert "nice/gpu: quota exceeded" in ended.out + ended.err


@pytest.mark.parametrize("form", ["table", "wide"])
def test_nothing_from_elsewhere_commands_the_terminal(server: Script, nicectl: Nicectl, form: str) -> None:
    evil = "\x1b]0;title\x07\x9b2J\u202egnp.exe\n\u200b"
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document(description=evil, scheduleInWords=evil)]})
    out = nicectl("list", "-o", form).out
    assert len(out.splitlines()) == 2
    assert not set(out) & set("\x1b\x9b\x07\u202e\u200b")


def test_names_are_percent_encoded(server: Script, nicectl: Nicectl) -> None:
    nicectl("describe", "a b?ü")
    assert server.requests[0].path == "/api/v1/tasks/default/a%20b%3F%C3%BC"
