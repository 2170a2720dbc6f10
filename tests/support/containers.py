"""The two containers of a worker's pod as processes of two users: a supervisor, and a zygote in a folder of
its own.

As root the zygote gets a user of its own, and a Python that this user may execute; else both are one user's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.worker import descendants

RUNNER_USER = 65533
SECRET = "the-pool's-secret"
TOKEN = "token-of-the-worker"


def as_other_user() -> dict[str, Any]:
    """Arguments of Popen for the runner container's user."""
    return {"user": RUNNER_USER, "group": RUNNER_USER, "extra_groups": []} if os.getuid() == 0 else {}


def python_of_other_user() -> str:
    """A Python that the runner container's user can execute."""
    for python in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        with suppress(OSError):
            if subprocess.run([python, "-c", ""], cwd="/", check=False, **as_other_user()).returncode == 0:
                return python
    raise AssertionError("found no Python that another user can execute; expected /usr/bin/python3")


class Pod:
    """What both containers share, and how each is started, killed and started again."""

    def __init__(self, url: str, python: str | None = None, **environment: str) -> None:
        # Beside /tmp, since nothing can be made in what a closed folder lies in.
        self.folder = Path(tempfile.mkdtemp(prefix="nice-pod-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.socket = self._open("socket") / "zygote.sock"
        self.scratch = self._open("runs")
        self.code = self.folder / "code"
        self.private = self.folder / "private"
        self.private.mkdir(mode=0o700)
        self.token = self.private / "token"
        self.token.write_text(f"{TOKEN}\n", encoding="utf-8")
        self.ready = self.private / "ready"
        self.pulse = self.private / "pulse"
        self.log = self.folder / "log"
        self._python = python or python_of_other_user()
        self._url = url
        self._environment = environment
        self._started: list[subprocess.Popen[bytes]] = []
        install = [sys.executable, "-m", "nice_runner", "install-zygote", str(self.code)]
        subprocess.run(install, check=True, capture_output=True)

    def _open(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def start_zygote(self, *options: str, other_user: bool = True) -> subprocess.Popen[bytes]:
        """The runner container."""
        place = ["--listen", str(self.socket), "--scratch", str(self.scratch), "--peer-uid", str(os.getuid())]
        return self._start(
            [self._python, "-m", "zygote", *place, *options],
            {"PATH": os.defpath, "PYTHONPATH": str(self.code), "POOL_SECRET": SECRET},
            **(as_other_user() if other_user else {}),
        )

    def start_supervisor(self, **environment: str) -> subprocess.Popen[bytes]:
        """The supervisor container."""
        settings = {
            "NICE_OPERATOR_URL": self._url,
            "NICE_POOL": "default/warm",
            "NICE_WORKER_NAME": "pod-1",
            "NICE_SLOTS": "4",
            "NICE_TOKEN_FILE": str(self.token),
            "NICE_READY_FILE": str(self.ready),
            "NICE_PULSE_FILE": str(self.pulse),
            "NICE_ZYGOTE_SOCKET": str(self.socket),
        }
        environment = {**os.environ, **settings, **self._environment, **environment}
        return self._start([sys.executable, "-m", "nice_runner"], environment)

    def _start(self, command: list[str], env: dict[str, str], **identity: Any) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd="/",
                start_new_session=True,
                **identity,
            )
        self._started.append(process)
        return process

    def said(self, text: str) -> bool:
        """Whether one of them has said so."""
        return text in self.log.read_text(encoding="utf-8")

    def remove(self) -> None:
        """Leave nothing behind, however the test went."""
        for process in self._started:
            for pid in (process.pid, *descendants(process.pid)):
                for number in (signal.SIGCONT, signal.SIGKILL):
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
            process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
