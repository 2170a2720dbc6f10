"""What user code finds around itself: its environment, its descriptors, its directory."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.fakes.operator import FakeOperator, RunRecord
from tests.support.worker import CANARY, WorkerProcess, until

INSPECT = """
import os, resource, stat

def kind(fd):
    mode = os.fstat(fd).st_mode
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"

def run(payload):
    fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))
    status = open("/proc/self/status").read()
    return {
        "environment": dict(os.environ),
        "descriptors": {fd: kind(fd) for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")},
        "directory": os.getcwd(),
        "inside": os.listdir("."),
        "session": os.getsid(0) == os.getpid() == os.getpgid(0),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "no_new_privileges": "NoNewPrivs:\\t1" in status,
        "signals": [l for l in status.splitlines() if l.startswith(("SigBlk", "SigIgn", "SigCgt"))],
        "parents": open(f"/proc/{os.getppid()}/environ").read(),
        "arguments": open("/proc/self/cmdline").read(),
        "umask": os.umask(0),
    }
"""


async def _inspect(operator: FakeOperator, **fields: Any) -> tuple[RunRecord, dict[str, Any]]:
    record = await operator.python(INSPECT, **fields)
    finish = await operator.finished(record)
    assert finish.state == "succeeded", record.text("stderr")
    return record, json.loads(finish.result or "")


async def test_the_environment_has_only_what_belongs_to_the_run(
    operator: FakeOperator, worker: WorkerProcess, code: Path
) -> None:
    record, seen = await _inspect(operator, env={"COLOUR": "blue"}, attempt=2, epoch=7)
    environment = seen["environment"]
    assert environment["COLOUR"] == "blue"
    assert environment["NICE_RUN_ID"] == environment["NICE_IDEMPOTENCY_KEY"] == record.assign.run
    assert (environment["NICE_ATTEMPT"], environment["NICE_EPOCH"]) == ("2", "7")
    assert (environment["NICE_NAMESPACE"], environment["NICE_TASK"]) == ("default", "hello")
    assert environment["NICE_TASK_PATH"] == str(code)
    assert environment["TMPDIR"] == seen["directory"]
    ours = {"PATH", "HOME", "USER", "TZ", "LANG", "TMPDIR", "COLOUR", "LC_CTYPE"}
    assert {name for name in environment if not name.startswith("NICE_")} <= ours
    assert CANARY not in environment
    assert CANARY not in seen["parents"]


async def test_nothing_is_left_of_what_its_process_rehearsed(
    operator: FakeOperator, worker: WorkerProcess, code: Path
) -> None:
    (code / "jobs.py").write_text(
        "import linecache, sys\n"
        "def look(payload):\n"
        "    sources = [name for name in linecache.cache if name.startswith('<task')]\n"
        "    return [name for name in sys.modules if name.startswith('nice_task')] + sources\n"
    )
    record = await operator.assign({"function": "jobs:look"})
    assert (await operator.finished(record)).result == "[]"


async def test_a_program_finds_the_same_and_no_more(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.command("sh", "-c", "env; ls -l /proc/self/fd", payload='"sesame"')
    await operator.finished(record)
    text = record.text()
    assert CANARY not in text
    assert "sesame" not in text
    numbers = [line.split(" -> ")[0].split()[-1] for line in text.splitlines() if " -> " in line]
    assert numbers == ["0", "1", "2", "3", "4"]  # 3 is its result, 4 the directory that ls reads


async def test_its_descriptors_are_its_own_four(operator: FakeOperator, worker: WorkerProcess) -> None:
    _, seen = await _inspect(operator)
    assert seen["descriptors"] == {"0": "device", "1": "pipe", "2": "pipe", "3": "pipe"}


async def test_it_leads_a_session_without_powers_beyond_its_own(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    _, seen = await _inspect(operator)
    assert seen["session"] is True
    assert seen["core"] == 0
    assert seen["no_new_privileges"] is True
    assert seen["umask"] == 0o022
    assert {name: signals(mask) for name, mask in (line.split(":") for line in seen["signals"])} == {
        "SigBlk": set(),
        "SigIgn": {signal.SIGPIPE, signal.SIGXFSZ},  # as in every Python
        "SigCgt": {signal.SIGINT},  # KeyboardInterrupt
    }


def signals(mask: str) -> set[int]:
    """The signals of a mask, but for those that the C library keeps for itself: no program can change how
    it stands to them, so they are as whoever started us left them."""
    bits = int(mask, 16)
    return {number for number in range(1, 65) if bits >> (number - 1) & 1} - {32, 33}


async def test_nothing_of_the_task_is_in_an_argument_list(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    _, seen = await _inspect(operator, payload='"sesame"', env={"COLOUR": "sesame"})
    assert "sesame" not in seen["arguments"]


async def test_its_directory_is_private_empty_and_gone_afterwards(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("sh", "-c", "mkdir -p a/b && touch a/b/c && ls -ld . && pwd")
    await operator.finished(record)
    mode, directory = record.text().splitlines()
    assert mode.startswith("drwx------")
    await until(lambda: not Path(directory).exists(), f"the end of {directory}")
    _, seen = await _inspect(operator)
    assert seen["inside"] == []
    await until(lambda: not Path(seen["directory"]).exists(), f"the end of {seen['directory']}")


async def test_a_task_may_choose_its_time_zone(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python(
        "import time\ndef run(p): return time.localtime(0).tm_hour", env={"TZ": "Asia/Tokyo"}
    )
    assert (await operator.finished(record)).result == "9"


async def test_output_appears_line_by_line_while_it_runs(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python("def run(p):\n    print('first')\n    import time; time.sleep(60)")
    await operator.said(record, "first\n")
    assert not record.finishes
    await operator.cancel(record)
    await operator.finished(record)
