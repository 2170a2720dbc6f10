"""Logs of real runs, by a real worker, in a real server that speaks CloudWatch's API (moto)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from nice_runner.settings import REGION_NAMES
from tests.fakes.operator import FakeOperator, RunRecord
from tests.integration.worker.conftest import StartWorker
from tests.support.aws import CREDENTIALS, REGION, cloudwatch_server, free_port
from tests.support.containers import Pod
from tests.support.way import Way
from tests.support.worker import WorkerProcess, alive, children, until

GROUP = "/nice/test"


class Cloud:
    """What is in CloudWatch, as its API tells."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = boto3.session.Session().client("logs", region_name=REGION, endpoint_url=url)

    def messages(self, record: RunRecord) -> list[dict[str, Any]]:
        """All events of a run's first attempt, in their order."""
        stream = f"default/hello/{record.assign.run}/1"
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            given = {"nextToken": token} if token else {}
            try:
                page = self.client.get_log_events(
                    logGroupName=GROUP,
                    logStreamName=stream,
                    startFromHead=True,
                    **given,  # type: ignore[arg-type]  # a token, if there is one
                )
            except self.client.exceptions.ResourceNotFoundException:
                return found
            found += [json.loads(event["message"]) for event in page["events"]]
            if page["nextForwardToken"] == token:
                return found
            token = page["nextForwardToken"]

    def numbers(self, record: RunRecord) -> list[int]:
        """The numbers of its lines, each once."""
        return list(dict.fromkeys(message["n"] for message in self.messages(record) if "n" in message))

    def ends(self, record: RunRecord) -> list[dict[str, Any]]:
        return [message for message in self.messages(record) if "n" not in message]

    async def until(self, condition: Callable[[], bool], what: str, timeout: float = 90) -> None:
        """Wait until something is so; the API tells nobody of its own accord."""
        deadline = time.monotonic() + timeout
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
            await asyncio.sleep(0.1)

    async def ended(self, record: RunRecord) -> dict[str, Any]:
        """Wait for what is said of its end."""
        await self.until(lambda: bool(self.ends(record)), "the end of the log")
        return self.ends(record)[-1]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    for name in REGION_NAMES:
        monkeypatch.delenv(name, raising=False)
    with cloudwatch_server(free_port()) as url:
        made = Cloud(url)
        yield made
        made.client.close()


@pytest.fixture
async def way(cloud: Cloud) -> AsyncIterator[Way]:
    """The network between worker and CloudWatch."""
    made = Way(int(cloud.url.rpartition(":")[2]))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def environment(way: Way) -> dict[str, str]:
    return {
        "NICE_LOGS_BACKEND": "cloudwatch",
        "NICE_LOGS_GROUP": GROUP,
        "NICE_LOGS_REGION": REGION,
        "NICE_LOGS_ENDPOINT_URL": f"http://127.0.0.1:{way.port}",
    }


async def test_the_log_of_a_run_is_in_cloudwatch_and_went_to_the_operator_too(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker
) -> None:
    start_worker(**environment)
    record = await operator.command("sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    finish = await operator.finished(record)
    end = await cloud.ended(record)

    lines = [message for message in cloud.messages(record) if "n" in message]
    assert finish.log is not None
    assert (finish.log.lines, finish.log.complete, finish.log.why) == (6, True, "")
    assert end == {"end": 6, "gaps": []}
    for stream in ("stdout", "stderr"):
        text = "".join(f"{line['t']}\n" for line in lines if line["s"] == stream)
        assert text == record.text(stream) == "".join(f"{stream[3:]} {i}\n" for i in (1, 2, 3))


async def test_a_worker_killed_in_mid_line_loses_no_whole_line_and_its_next_life_sends_them(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker, way: Way
) -> None:
    worker = start_worker(**environment)
    await operator.until(lambda: operator.session is not None, "the worker")
    way.cut()
    record = await operator.python(COUNT_AND_STAY_IN_MID_LINE)
    await operator.until(lambda: sum(c.lines for c in record.chunks) >= 5000, "the lines")

    await until(lambda: bool(_couriers(worker)), "its sending process")
    (courier,) = _couriers(worker)
    os.kill(worker.pid, signal.SIGKILL)
    await worker.ended()
    await until(lambda: not alive(courier), "the end of its sending process")
    way.mend()
    start_worker(**environment)
    end = await cloud.ended(record)

    last = end["end"]
    assert last in (5000, 5001), "the unfinished line too, if a second had passed"
    assert cloud.numbers(record) == list(range(1, last + 1))
    assert end == {"end": last, "gaps": [], "cut": True, "why": "the worker ended before the log did"}
    assert _left(operator) == []


async def test_an_outage_in_the_middle_costs_no_line_and_does_not_delay_the_end_of_the_run(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker, way: Way
) -> None:
    start_worker(**environment)
    record = await operator.python(COUNT_SLOWLY)
    await cloud.until(lambda: len(cloud.numbers(record)) > 10, "the first lines")
    way.cut()
    finish = await operator.finished(record, 60)
    stored = len(cloud.numbers(record))
    way.mend()
    end = await cloud.ended(record)

    assert finish.state == "succeeded"
    assert stored < 2000
    assert cloud.numbers(record) == list(range(1, 2001))
    assert end["gaps"] == []
    await cloud.until(lambda: _left(operator) == [], "the files to go")


async def test_a_group_deleted_in_the_middle_is_made_again_and_the_loss_is_named(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker
) -> None:
    start_worker(**environment)
    record = await operator.python(COUNT_SLOWLY)
    await cloud.until(lambda: len(cloud.numbers(record)) > 10, "the first lines")
    cloud.client.delete_log_group(logGroupName=GROUP)
    await operator.finished(record, 60)
    end = await cloud.ended(record)

    numbers = cloud.numbers(record)
    assert 1 < numbers[0] <= 2000
    assert numbers == list(range(numbers[0], 2001))
    assert end["gaps"] == [[1, numbers[0] - 1]]
    assert "deleted" in end["why"]
    (group,) = cloud.client.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert group["retentionInDays"] == 30


async def test_a_worker_that_is_told_to_leave_sends_the_last_lines_first(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(**environment, NICE_LOGS_DRAIN_SECONDS="60", NICE_DRAIN_SECONDS="60")
    record = await operator.command("sh", "-c", "echo before; sleep 1; echo after")
    await operator.said(record, "before")
    worker.signal(signal.SIGTERM)

    assert await worker.ended(90) == 0

    assert cloud.numbers(record) == [1, 2]
    assert cloud.ends(record) == [{"end": 2, "gaps": []}]
    assert _left(operator) == []


async def test_a_run_sees_nothing_of_the_credentials(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker
) -> None:
    start_worker(**environment)
    record = await operator.python("import os\ndef run(p): return sorted(os.environ)")
    finish = await operator.finished(record)

    assert finish.result is not None
    assert [name for name in json.loads(finish.result) if name.startswith(("AWS", "NICE_LOGS"))] == []


async def test_in_a_pod_the_next_supervisor_sends_what_the_killed_one_left_and_runs_cannot_read_it(
    cloud: Cloud, environment: dict[str, str], operator: FakeOperator, pod: Pod, way: Way
) -> None:
    spool = pod.private / "spool"
    given = {**environment, **CREDENTIALS, "NICE_LOGS_SPOOL_DIR": str(spool)}
    pod.start_zygote()
    supervisor = pod.start_supervisor(**given)
    await operator.until(lambda: operator.session is not None, "the worker")
    way.cut()
    record = await operator.python(LOOK_AND_STAY, payload=json.dumps(str(spool)))
    await operator.said(record, "looked\n")

    supervisor.kill()
    way.mend()
    pod.start_supervisor(**given)
    end = await cloud.ended(record)

    assert cloud.numbers(record) == [1, 2, 3]
    assert (end["end"], end["gaps"], end["cut"]) == (3, [], True)
    environment_seen, folder_seen, _ = record.text().splitlines()
    assert environment_seen == "[]"
    if os.getuid() == 0:
        assert folder_seen == "PermissionError"


async def test_a_worker_whose_folder_cannot_be_used_says_so_and_does_not_start(
    environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    worker = start_worker(**environment, NICE_LOGS_SPOOL_DIR=str(tmp_path / "file" / "spool"))

    assert await worker.ended() == 2

    assert "file/spool: expected a folder that can be made and written" in worker.log.read_text()


async def test_two_workers_do_not_send_each_others_lines(
    environment: dict[str, str], operator: FakeOperator, start_worker: StartWorker, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    first: WorkerProcess = start_worker(**environment)
    await operator.until(lambda: operator.session is not None, "the worker")
    second = WorkerProcess(
        tmp_path / "other",
        tmp_path,
        **environment,
        NICE_LOGS_SPOOL_DIR=str(operator.directory / "log-spool"),
    )
    try:
        assert await second.ended() == 3
    finally:
        second.end()
    assert first.process.poll() is None


LOOK_AND_STAY = """
import os, time
def run(spool):
    print([name for name in os.environ if name.startswith(('AWS', 'NICE_LOGS'))])
    try:
        print(os.listdir(spool))
    except OSError as error:
        print(type(error).__name__)
    print('looked', flush=True)
    time.sleep(600)
"""

COUNT_AND_STAY_IN_MID_LINE = """
import os, time
def run(payload):
    for number in range(1, 5001):
        os.write(1, b'line %d\\n' % number)
    os.write(1, b'in the middle of a l')
    time.sleep(0.3)
    for _ in range(3000):
        time.sleep(0.1)
"""

COUNT_SLOWLY = """
import time
def run(payload):
    for number in range(1, 2001):
        print('line', number, flush=True)
        time.sleep(0.004)
"""


def _left(operator: FakeOperator) -> list[str]:
    """Files of logs that wait."""
    return [path.name for path in (operator.directory / "log-spool").glob("*.log")]


def _couriers(worker: WorkerProcess) -> list[int]:
    """The processes that a worker sends logs by."""
    return [pid for pid in children(worker.pid) if "courier" in _command_line(pid)]


def _command_line(pid: int) -> str:
    """What a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
