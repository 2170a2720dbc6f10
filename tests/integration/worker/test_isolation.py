"""What keeps a run from its neighbours of the same user: its zygote, its keeper, and other runs."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nice_protocol.messages import Hello
from nice_runner.zygote import landlock
from tests.fakes.operator import FakeOperator, RunRecord
from tests.support.containers import SECRET, Pod, as_other_user, python_of_other_user
from tests.support.worker import until

ATTACK = """
import ctypes, json, os, sys

def attempt(deed):
    try:
        deed()
    except OSError as error:
        return type(error).__name__
    return "done"

def trace(pid):
    if ctypes.CDLL(None, use_errno=True).ptrace(16, pid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, 0)
    ctypes.CDLL(None).ptrace(17, pid, 0, 0)

def attack(pid):
    return {
        "signal": attempt(lambda: os.kill(pid, 0)),
        "environ": attempt(lambda: open(f"/proc/{pid}/environ", "rb").read()),
        "mem": attempt(lambda: open(f"/proc/{pid}/mem", "rb")),
        "descriptors": attempt(lambda: os.readlink(f"/proc/{pid}/fd/0")),
        "trace": attempt(lambda: trace(pid)),
    }

def run(pids):
    return [attack(pid) for pid in pids]
"""

SLEEP = """
import os, time
def run(payload):
    open("secret", "w").write("mine")
    print(os.getpid(), os.getcwd())
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(
    landlock.abi() < landlock.ABI_OF_SCOPES, reason="this kernel has no Landlock with scopes (Linux 6.12)"
)


@pytest.fixture
async def busy(operator: FakeOperator, pod: Pod) -> tuple[RunRecord, int, Path, int]:
    """A run at work: its record, process id and directory; and the process id of the zygote."""
    zygote = pod.start_zygote()
    pod.start_supervisor()
    record = await operator.python(SLEEP)
    await operator.said(record, "\n")
    pid, directory = record.text().split()
    return record, int(pid), Path(directory), zygote.pid


async def _ask(operator: FakeOperator, source: str, payload: Any) -> Any:
    record = await operator.python(source, payload=json.dumps(payload))
    finish = await operator.finished(record)
    assert finish.state == "succeeded", record.text("stderr")
    return json.loads(finish.result or "")


async def test_a_run_can_do_nothing_to_zygote_keeper_and_other_runs(
    operator: FakeOperator, busy: tuple[RunRecord, int, Path, int]
) -> None:
    record, other, _, zygote = busy
    me = ATTACK.replace("for pid in pids]", "for pid in (*pids, os.getppid())]")
    for seen in await _ask(operator, me, [other, zygote]):
        assert seen["signal"] == "PermissionError"
        assert set(seen.values()) == {"PermissionError"}, seen
    assert record.finishes == []


def test_without_a_domain_the_same_user_can_do_all_of_it() -> None:
    victim = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **as_other_user())
    attacker = f"{ATTACK}\nprint(json.dumps(attack(int(sys.argv[1]))))"
    try:
        command = [python_of_other_user(), "-c", attacker, str(victim.pid)]
        found = subprocess.run(command, cwd="/", check=True, capture_output=True, **as_other_user())
    finally:
        victim.kill()
        victim.wait(10)
    seen = json.loads(found.stdout)
    assert (seen["signal"], seen["environ"], seen["mem"]) == ("done", "done", "done")


async def test_a_run_keeps_its_power_over_what_it_starts(
    operator: FakeOperator, busy: tuple[RunRecord, int, Path, int]
) -> None:
    source = ATTACK + (
        "\nimport subprocess\n"
        "def run(p):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    seen = attack(child.pid)\n"
        "    child.kill()\n"
        "    return [seen, child.wait()]\n"
    )
    seen, code = await _ask(operator, source, None)
    assert set(seen.values()) == {"done"}, seen
    assert code == -signal.SIGKILL


async def test_a_run_opens_and_changes_nothing_of_other_runs_or_beside_the_socket(
    operator: FakeOperator, pod: Pod, busy: tuple[RunRecord, int, Path, int]
) -> None:
    _, _, directory, _ = busy
    source = ATTACK + (
        "\ndef run(places):\n"
        "    other, socket = places\n"
        "    return [attempt(lambda: open(f'{other}/secret').read()),\n"
        "            attempt(lambda: open(f'{other}/planted', 'w')),\n"
        "            attempt(lambda: os.unlink(socket)),\n"
        "            attempt(lambda: os.rename(socket, socket + '.old')),\n"
        "            attempt(lambda: open(os.path.dirname(socket) + '/planted', 'w'))]\n"
    )
    seen = await _ask(operator, source, [str(directory), str(pod.socket)])
    assert set(seen) == {"PermissionError"}, seen
    assert (directory / "secret").read_text() == "mine"


async def test_a_run_can_do_what_programs_do(
    operator: FakeOperator, busy: tuple[RunRecord, int, Path, int]
) -> None:
    source = (
        "import os, multiprocessing, shutil, socket, sqlite3, subprocess, tempfile\n"
        "def run(p):\n"
        "    open('own', 'w').write('x'); os.mkdir('d'); os.rename('own', 'd/own')\n"
        "    with tempfile.NamedTemporaryFile(dir='/tmp') as file:\n"
        "        file.write(b'y'); file.flush(); file.truncate(0)\n"
        "        os.rename(shutil.copy(file.name, file.name + '.copy'), 'd/copy')\n"
        "    sqlite3.connect('d/base').execute('create table t (a)')\n"
        "    a, b = socket.socketpair(); a.send(b'z')\n"
        "    door = socket.socket(socket.AF_UNIX); door.bind('d/door'); door.listen(1)\n"
        "    socket.socket(socket.AF_UNIX).connect('d/door')\n"
        "    with multiprocessing.get_context('fork').Pool(1) as pool: pool.map(abs, [1])\n"
        "    out = subprocess.run(['sh', '-c', 'echo hello; ls /'], capture_output=True)\n"
        "    return [out.stdout.split()[0].decode(), out.returncode, sorted(os.listdir('d'))]\n"
    )
    seen = await _ask(operator, source, None)
    assert seen == ["hello", 0, ["base", "copy", "door", "own"]]


async def test_a_confined_run_can_still_be_stopped(
    operator: FakeOperator, busy: tuple[RunRecord, int, Path, int]
) -> None:
    record, pid, directory, _ = busy
    await operator.cancel(record)
    finish = await operator.finished(record)
    assert (finish.state, finish.stopped_by) == ("cancelled", "term")
    await until(lambda: not Path(f"/proc/{pid}").exists(), "its end")
    await until(lambda: not directory.exists(), "the removal of its directory")


async def test_the_operator_hears_what_keeps_runs_apart(
    operator: FakeOperator, busy: tuple[RunRecord, int, Path, int]
) -> None:
    assert operator.all(Hello)[0].facts == {"landlock": str(landlock.abi())}


async def test_a_run_is_born_without_the_right_to_gain_any(
    operator: FakeOperator, busy: tuple[RunRecord, int, Path, int]
) -> None:
    source = (
        "import os, resource\n"
        "def run(p): return ['NoNewPrivs:\\t1' in open('/proc/self/status').read(),\n"
        "                    resource.getrlimit(resource.RLIMIT_CORE), os.environ['POOL_SECRET']]\n"
    )
    assert await _ask(operator, source, None) == [True, [0, 0], SECRET]
