"""The zygote by itself: as a copied folder, at a path, with a stranger at its door, for many runs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nice_runner.zygote
from nice_runner.zygote.channel import Channel
from nice_runner.zygote.keeper import ABANDONED_GRACE
from tests.fakes.operator import FakeOperator
from tests.support.worker import WorkerProcess, alive, children, until, zombie


class Supervisor:
    """The least that drives a zygote: one run at a time, blocking."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.zygote = Channel(self.socket)

    def run(self, execution: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Execute; returns the report and the facts of the end."""
        control, report, output = self.fork(execution)
        control.send({"type": "go", "timeout": 10.0, "grace": 1.0})
        facts: dict[str, Any] = {"type": ""}
        while facts["type"] != "exited":
            facts = control.receive()[0] or {"type": "exited"}
        control.close()
        with open(report, "rb") as file, open(output, "rb"):
            return file.read().decode(), facts

    def fork(self, execution: dict[str, Any]) -> tuple[Channel, int, int]:
        """A run at its gate: its keeper, and where its report and its output can be read."""
        job, job_writer = os.pipe()
        output, output_writer = os.pipe()
        report, report_writer = os.pipe()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(10)
        theirs_all = [theirs.detach(), job, output_writer, output_writer, report_writer]
        self.zygote.send({"type": "fork"}, theirs_all)
        for descriptor in set(theirs_all):
            os.close(descriptor)
        document = {"task": "t", "execution": execution, "payload": "3", "env": {}, "unhandled": "Warn"}
        os.write(job_writer, json.dumps(document).encode())
        os.close(job_writer)
        return Channel(ours), report, output


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with nothing but a copy of the zygote."""
    source = Path(nice_runner.zygote.__file__).parent
    shutil.copytree(source, tmp_path / "image" / "zygote", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "image"


@pytest.fixture
def listening(copied: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    path = tmp_path / "zygote.sock"
    process = _start(copied, path)
    yield process, path
    process.kill()
    process.communicate(timeout=10)


def _start(copied: Path, path: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-P", "-m", "zygote", "--listen", str(path), *options],
        env={"PYTHONPATH": str(copied), "PATH": os.defpath, "SECRET_OF_THE_POOL": "s3"},
        stderr=subprocess.PIPE,
        cwd="/",
    )


async def test_a_copied_folder_serves_one_supervisor_after_another_at_a_path(
    listening: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, path = listening
    await until(path.exists, "the socket")
    for _ in range(2):
        supervisor = Supervisor(path)
        hello, _ = supervisor.zygote.receive()
        assert hello is not None
        assert (hello["type"], hello["pid"], hello["failures"]) == ("hello", process.pid, [])
        source = "import os\ndef run(p): return [p, os.environ['SECRET_OF_THE_POOL']]"
        report, facts = supervisor.run({"python": {"source": source}})
        assert json.loads(json.loads(report)["result"]) == [3, "s3"]
        assert facts["code"] == 0
        supervisor.socket.close()
    process.terminate()
    assert process.wait(10) == 0


@pytest.mark.parametrize(("grace", "given"), [(3600.0, ABANDONED_GRACE), (2.0, 2.0)])
async def test_a_run_without_a_supervisor_is_over_before_anybody_may_run_it_again(
    listening: tuple[subprocess.Popen[bytes], Path], grace: float, given: float
) -> None:
    _, path = listening
    await until(path.exists, "the socket")
    supervisor = Supervisor(path)
    control, report, output = supervisor.fork({"command": ["sleep", "60"]})
    control.send({"type": "go", "timeout": 7200.0, "grace": grace})
    said = [control.receive()[0]]
    while said[-1] != {"type": "started"}:
        said.append(control.receive()[0])
    with socket.socket(fileno=os.dup(control.fileno())) as end:
        end.shutdown(socket.SHUT_WR)  # as if nobody were there any more, and still hear what it does
    assert control.receive()[0] == {"type": "stopping", "cause": "abandoned", "grace": given}
    control.close()
    supervisor.socket.close()
    for descriptor in (report, output):
        os.close(descriptor)


async def test_a_peer_of_another_user_is_turned_away(copied: Path, tmp_path: Path) -> None:
    path = tmp_path / "zygote.sock"
    process = _start(copied, path, "--peer-uid", str(os.getuid() + 1))
    await until(path.exists, "the socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.settimeout(10)
        stranger.connect(str(path))
        assert stranger.recv(100) == b""
    process.kill()
    assert b"refused a peer of user" in process.communicate(timeout=10)[1]


async def test_a_preload_that_fails_is_reported_and_does_no_harm(copied: Path, tmp_path: Path) -> None:
    path = tmp_path / "zygote.sock"
    process = _start(copied, path, "--preload", "string,no_such_module")
    await until(path.exists, "the socket")
    supervisor = Supervisor(path)
    hello, _ = supervisor.zygote.receive()
    assert hello is not None
    assert hello["preloaded"] == ["string"]
    assert hello["failures"] == ["no_such_module: ModuleNotFoundError: No module named 'no_such_module'"]
    supervisor.socket.close()
    process.terminate()
    process.communicate(timeout=10)


@pytest.mark.timeout(180)
async def test_five_hundred_runs_leave_nothing_behind(operator: FakeOperator, worker: WorkerProcess) -> None:
    async def run(count: int) -> None:
        records = [
            await operator.python("def run(p):\n    print('x' * 1000)\n    return p") for _ in range(count)
        ]
        for record in records:
            assert (await operator.finished(record)).state == "succeeded"

    await run(50)
    zygote = worker.zygote
    await until(lambda: len(children(zygote)) == 1, "the spare runner alone")
    before = [_descriptors(worker.pid), _descriptors(zygote)]
    memory = [_memory(worker.pid), _memory(zygote)]
    await run(450)
    await until(lambda: len(children(zygote)) == 1, "the end of all but the spare runner")
    assert [_descriptors(worker.pid), _descriptors(zygote)] == before
    assert not any(zombie(pid) for pid in (*children(worker.pid), *children(zygote)))
    assert worker.zygote == zygote
    assert alive(zygote)
    assert _memory(worker.pid) < memory[0] + 8_000_000
    assert _memory(zygote) < memory[1] + 1_000_000


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024
