"""Logs kept in CloudWatch by a release on a cluster: where they are read from, and that each line is there
once, whoever dies and whatever is away meanwhile. ``NICE_CHAOS=full``: CloudWatch is away for two minutes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kubectl import Kubectl
from tests.support.cloud import SECRET, Cloud
from tests.support.release import Release, installed, python_task, test_values, until

AWAY_SECONDS = 120 if os.environ.get("NICE_CHAOS") == "full" else 30
TOLD_WITHIN = 10.0
"""Seconds in which whoever reads a log is told that CloudWatch is away."""
MOVED_WITHIN = 60.0
"""Seconds from an attempt's end until the database has forgotten its lines."""

WRITER = """
import time

def run(payload):
    for number in range(1, payload["lines"] + 1):
        print("line", number, flush=True)
        time.sleep(payload["pause"])
    print("half a li", end="", flush=True)
    time.sleep(payload.get("then", 0))
"""
THIEF = """
import os

def run(_):
    seen = [name for name in os.environ if "AWS" in name]
    for folder, _, files in os.walk("/etc/nice"):
        seen += files
    return seen
"""


@pytest.fixture(scope="module")
def cloud(kubectl: Kubectl, shared_namespace: str, images: str) -> Cloud:
    cloud = Cloud(kubectl, shared_namespace, images)
    cloud.start()
    return cloud


@pytest.fixture(scope="module")
def release(cloud: Cloud, crds: list[dict[str, Any]], images: str) -> Iterator[Release]:
    values = {**test_values(images), "logs": cloud.values()}
    with installed(cloud.kubectl, cloud.namespace, values) as release:
        task = python_task("writer", WRITER, onLost="Fail", timeoutAfter="10 minutes")
        task["metadata"]["namespace"] = release.namespace
        release.kubectl.apply(task)
        release.kubectl("wait", "--for=condition=Ready", "nicetask/writer", "-n", release.namespace)
        with release.reached():
            yield release


def begin(release: Release, **payload: Any) -> str:
    """The id of a new run of the writer."""
    path = f"/api/v1/tasks/{release.namespace}/writer/runs"
    status, run = release.insist("POST", path, {"payload": {"pause": 0, **payload}})
    assert status in (200, 201), run
    return str(run["id"])


def ended(release: Release, run: str, within: float = 60) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = release.insist("GET", f"/api/v1/runs/{run}")[1]
        return found if found["final"] else None

    return until(look, f"run {run} has ended", within)


def written(release: Release, run: str) -> list[str]:
    """The lines that the task wrote, as the download has them."""
    status, text = release.insist("GET", f"/api/v1/runs/{run}/logs/raw")
    assert status == 200, text
    return re.findall(r"^(?:line \d+|half a li)$", str(text), re.MULTILINE)


def expected(count: int) -> list[str]:
    return [*(f"line {number}" for number in range(1, count + 1)), "half a li"]


def in_database(release: Release, run: str) -> int:
    """How many lines of a run the database has."""
    query = "SELECT COALESCE(SUM(last - first + 1), 0) FROM log_chunks WHERE run_id = UNHEX('%s')"
    return release.number(query % run.replace("-", ""))


def moved(release: Release, run: str) -> None:
    until(
        lambda: in_database(release, run) == 0 or None, f"the lines of {run} are in CloudWatch", MOVED_WITHIN
    )


def test_a_log_is_read_from_cloudwatch_when_the_database_has_forgotten_it(
    release: Release, cloud: Cloud
) -> None:
    run = begin(release, lines=3_000)
    ended(release, run)
    before = written(release, run)
    moved(release, run)

    page = release.insist("GET", f"/ui/runs/{run}")[1]
    first = release.insist("GET", f"/api/v1/runs/{run}/logs?bytes=1000")[1]
    rest = release.insist("GET", f"/api/v1/runs/{run}/logs?after=2990")[1]

    assert f"{release.namespace}/writer/{run}/1" in cloud.streams()
    assert before == written(release, run) == expected(3_000)
    assert "line 3000" in page
    assert first["chunks"][0]["text"].startswith("line 1\n")
    assert "".join(chunk["text"] for chunk in rest["chunks"]).startswith("line 2991\n")


def test_whoever_follows_a_run_gets_each_line_once(release: Release) -> None:
    run = begin(release, lines=200, pause=0.02)

    status, events = release.insist("GET", f"/api/v1/runs/{run}/logs/events")

    assert status == 200
    assert re.findall(r"line \d+", str(events)) == expected(200)[:-1]
    assert "event: end" in str(events)


def test_the_keys_are_out_of_reach_of_a_run(release: Release) -> None:
    task = python_task("thief", THIEF)
    task["metadata"]["namespace"] = release.namespace
    release.kubectl.apply(task)
    release.kubectl("wait", "--for=condition=Ready", "nicetask/thief", "-n", release.namespace)

    found = release.insist("POST", "/task/thief")
    pods = release.kubectl.get("pods", "-n", release.namespace, "-l", "nicecommander.dev/pool")["items"]
    mounting = {
        container["name"]
        for each in pods
        for container in [*each["spec"]["containers"], *each["spec"]["initContainers"]]
        if any(mount["name"] == "nice-aws" for mount in container["volumeMounts"])
    }

    assert found == (200, [])
    assert mounting == {"supervisor"}
    assert any(volume.get("secret", {}).get("secretName") == SECRET for volume in pods[0]["spec"]["volumes"])


def test_a_worker_that_dies_in_mid_line_takes_no_line_with_it(release: Release) -> None:
    run = begin(release, lines=500, then=300)
    until(lambda: written(release, run) == expected(500) or None, "all that it wrote is seen", 60)
    worker = release.insist("GET", f"/api/v1/runs/{run}")[1]["worker"]

    release.kubectl("delete", "pod", worker, "-n", release.namespace, "--grace-period=0", "--force")
    lost = ended(release, run, 120)

    assert lost["state"] == "lost"
    assert written(release, run) == expected(500)
    assert in_database(release, run) > 0  # nobody has said that CloudWatch has them all


@pytest.mark.timeout(AWAY_SECONDS + 400)
def test_no_line_is_lost_or_doubled_while_cloudwatch_is_away(release: Release, cloud: Cloud) -> None:
    lines = 20 * (AWAY_SECONDS + 10)
    old = begin(release, lines=100)
    ended(release, old)
    moved(release, old)
    over = begin(release, lines=lines, pause=0.05)
    until(lambda: written(release, over) or None, "it writes")

    cloud.close()
    back = time.monotonic() + AWAY_SECONDS
    during = begin(release, lines=300)
    ended(release, during)
    status, told, took = _read(release, f"/api/v1/runs/{old}/logs")
    page_status, page, page_took = _read(release, f"/ui/runs/{old}")
    seen_meanwhile = written(release, during)
    until(lambda: time.monotonic() > back or None, "CloudWatch was away long enough", AWAY_SECONDS + 5)
    in_database_then = in_database(release, during)
    cloud.open()
    ended(release, over, AWAY_SECONDS + 60)

    assert (status, page_status) == (503, 200), (told, page)
    assert "CloudWatch" in str(told)
    assert "The log cannot be read now" in str(page)
    assert max(took, page_took) < TOLD_WITHIN
    assert seen_meanwhile == expected(300)
    assert in_database_then > 0
    for run, count in ((old, 100), (during, 300), (over, lines)):
        until(
            lambda run=run: in_database(release, run) == 0 or None,
            f"{run} is in CloudWatch",
            AWAY_SECONDS + 120,
        )
        assert written(release, run) == expected(count)
    print(f"CloudWatch away for {AWAY_SECONDS} s: {100 + 300 + lines} lines written, each read once")


def _read(release: Release, path: str) -> tuple[int, Any, float]:
    """Status, answer and how many seconds it took."""
    began = time.monotonic()
    status, answer = release.ask("GET", path)
    return status, answer, time.monotonic() - began


def test_the_streams_of_deleted_runs_go(release: Release, cloud: Cloud) -> None:
    keep = {"succeeded": {"count": 1}, "failed": {"count": 1}}
    task = python_task("short", "def run(payload):\n    print(payload)\n", history=keep)
    task["metadata"]["namespace"] = release.namespace
    release.kubectl.apply(task)
    release.kubectl("wait", "--for=condition=Ready", "nicetask/short", "-n", release.namespace)
    runs = []
    for number in range(4):
        path = f"/api/v1/tasks/{release.namespace}/short/runs"
        runs.append(release.insist("POST", path, {"payload": number})[1]["id"])
        ended(release, runs[-1])
    names = [f"{release.namespace}/short/{run}/1" for run in runs]

    until(
        lambda: set(names) & set(cloud.streams()) == {names[-1]} or None,
        "the newest run's stream is left",
        240,
    )

    assert written(release, runs[-1]) == []
    assert "3" in str(release.insist("GET", f"/api/v1/runs/{runs[-1]}/logs/raw")[1])
