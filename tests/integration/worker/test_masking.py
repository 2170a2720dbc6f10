"""A pool's secrets, known to the container of its runs alone: nothing that leaves the pod shows them."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

from nice_protocol.codec import Codec
from tests.fakes.operator import FakeOperator, RunRecord
from tests.support.containers import SECRET, Pod
from tests.support.worker import descendants

MOUNTED = "mounted-s3cr3t-value"
FROM_ENVIRONMENT = ("--secret-variable", "POOL_SECRET")

TELLS = """
import os, sys, time
def run(payload):
    secret = os.environ["POOL_SECRET"]
    print("log:", secret)
    os.write(1, secret[:5].encode()); time.sleep(1.5); os.write(1, secret[5:].encode() + b"\\n")
    print("padding" * 20000 + secret, flush=True)
    print(secret, file=sys.stderr)
    if payload == "fail":
        raise RuntimeError("cannot use " + secret)
    return {"mine": secret}
"""


def said(operator: FakeOperator) -> str:
    """Every message of the worker so far, as it was sent."""
    codec = Codec(json.dumps, json.loads)
    return "\n".join(str(codec.encode(message)) for message in operator.received)


async def told(operator: FakeOperator, record: RunRecord) -> str:
    """The result of a run that succeeds."""
    finish = await operator.finished(record)
    assert finish.state == "succeeded", record.text("stderr")
    return finish.result or ""


async def test_a_secret_of_the_pool_leaves_the_pod_in_no_message(operator: FakeOperator, pod: Pod) -> None:
    pod.start_zygote(*FROM_ENVIRONMENT)
    pod.start_supervisor()
    assert await told(operator, await operator.python(TELLS)) == '{"mine": "***"}'
    failing = await operator.python(TELLS, payload='"fail"')
    finish = await operator.finished(failing)
    assert (finish.state, finish.message) == ("failed", "cannot use ***")
    assert failing.text().count("***") == 3
    assert SECRET not in said(operator)
    assert b64encode(SECRET.encode()).decode() not in said(operator)


async def test_without_the_word_of_the_pool_it_would_be_seen(operator: FakeOperator, pod: Pod) -> None:
    pod.start_zygote()
    pod.start_supervisor()
    await told(operator, await operator.python(TELLS))
    assert SECRET in said(operator), "the test above proves nothing"


async def test_the_tasks_own_functions_cannot_tell_it_either(operator: FakeOperator, pod: Pod) -> None:
    pod.start_zygote(*FROM_ENVIRONMENT)
    pod.start_supervisor()
    source = (
        "import os\nSECRET = os.environ['POOL_SECRET']\n"
        "def serialize_log_event(event):\n    return event['message'] + SECRET\n"
        "def run(payload):\n    print('hello')\n"
    )
    await told(operator, await operator.python(source))
    refusing = source + "def should_host_run():\n    raise RuntimeError('not with ' + SECRET)\n"
    await operator.python(refusing, task="refusing")
    await operator.until(lambda: "not with ***" in said(operator), "its reason")
    assert SECRET not in said(operator)


async def test_a_file_that_is_exchanged_is_read_again(
    operator: FakeOperator, pod: Pod, tmp_path: Path
) -> None:
    volume = Volume(pod.folder / "volume")
    volume.holds({"password": MOUNTED, "username": "administrator"})
    pod.start_zygote("--secret-path", str(volume.path))
    pod.start_supervisor()
    before = await operator.python(PRINTS, payload=json.dumps([MOUNTED, "administrator"]))
    await told(operator, before)
    assert before.text() == "***\nadministrator\n"
    volume.holds({"password": "exchanged-s3cr3t"})
    waiting = await operator.python(WAITS, payload=json.dumps([MOUNTED, "exchanged-s3cr3t"]))
    await operator.until(lambda: waiting.text().endswith("***\n***\n"), "the new value masked beside the old")


async def test_variables_from_a_whole_secret_are_known_by_its_keys(operator: FakeOperator, pod: Pod) -> None:
    volume = Volume(pod.folder / "volume")
    volume.holds({"SECRET": "exchanged-since-the-start"})
    pod.start_zygote("--secret-source", f"{volume.path}=POOL_")
    pod.start_supervisor()
    assert await told(operator, await operator.python(TELLS)) == '{"mine": "***"}'
    assert SECRET not in said(operator)


async def test_neither_arguments_nor_environments_hold_more_than_the_pool_put_there(
    operator: FakeOperator, pod: Pod
) -> None:
    volume = Volume(pod.folder / "volume")
    volume.holds({"password": MOUNTED})
    zygote = pod.start_zygote(*FROM_ENVIRONMENT, "--secret-path", str(volume.path))
    supervisor = pod.start_supervisor()
    record = await operator.command(
        "sh", "-c", "cat >/dev/null; echo up; sleep 60", payload='{"password": "payload-canary"}'
    )
    await operator.said(record, "up\n")
    processes = [zygote.pid, *descendants(zygote.pid), supervisor.pid]
    assert len(processes) >= 5
    for pid in processes:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{pid}/environ").read_bytes() if os.getuid() == 0 else b""
        for canary in (SECRET, MOUNTED, "payload-canary"):
            assert canary.encode() not in arguments
            in_pool = canary == SECRET and pid != supervisor.pid
            assert in_pool or canary.encode() not in environment


PRINTS = "def run(payload):\n    for line in payload:\n        print(line)\n"
WAITS = """
import time
def run(payload):
    while True:
        for line in payload:
            print(line, flush=True)
        time.sleep(0.1)
"""


class Volume:
    """A Secret's volume as the kubelet keeps it: the files are exchanged all at once, by a link."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._version = 0

    def holds(self, parts: dict[str, str]) -> None:
        self._version += 1
        folder = self.path / f"..{self._version}"
        folder.mkdir()
        for name, content in parts.items():
            (folder / name).write_text(content, encoding="utf-8")
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(Path("..data", name))
        link = self.path / "..new"
        link.symlink_to(folder.name)
        link.replace(self.path / "..data")
