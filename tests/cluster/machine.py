"""A machine of the test cluster: start it, run programs in it, kill it. The inside is ``init.py``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.places import PACKAGE
from tests.cluster.problem import Problem

MARK = "NICE_CLUSTER_HOME"
"""In the environment of every process of a cluster: its home folder. What is dead or stray is found by it."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Machine:
    """One set of namespaces with its own first process. ``folder`` holds its files."""

    name: str
    folder: Path

    @property
    def pid(self) -> int:
        """The first process, as the host sees it. Raises ``Problem`` if the machine was never started."""
        try:
            return int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            raise Problem(
                f"machine {self.name} does not exist; start the cluster with: make cluster"
            ) from None

    def boot(self) -> None:
        """Make the namespaces. The folder may exist already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        script = str(PACKAGE / "init.py")
        with (self.folder / "init.log").open("ab") as log:
            answer = subprocess.run(
                [sys.executable, "-I", script, self.name, str(self._socket)],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True, check=False, timeout=20,
            )  # fmt: skip
        if not answer.stdout.strip():
            raise Problem(
                f"machine {self.name} did not start; its reason is in {self.folder}/init.log. "
                "It needs root with CAP_SYS_ADMIN and a kernel with namespaces."
            )
        (self.folder / "pid").write_bytes(answer.stdout)

    def alive(self) -> bool:
        """Whether the first process answers."""
        try:
            self._ask({"do": "list"})
        except (Problem, OSError):
            return False
        return True

    def environment(self) -> dict[str, str]:
        """What every process of the machine finds in its environment."""
        return {MARK: str(self.folder.parent), "PATH": PATH, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def log(self, component: str) -> Path:
        """What the component wrote."""
        return self.folder / f"{component}.log"

    def start(self, component: str, argv: Sequence[str], descriptor: int | None = None) -> None:
        """Start a long-running program, and remember how, for ``start_again``.

        ``descriptor`` goes along; its number there takes the place of the argument ``@descriptor``.
        """
        request = {
            "do": "start", "name": component, "argv": list(argv), "environment": self.environment(),
            "log": str(self.log(component)),
        }  # fmt: skip
        (self.folder / f"{component}.start.json").write_text(json.dumps(request))
        self._ask(request, [] if descriptor is None else [descriptor])

    def start_again(self, component: str) -> None:
        """Start a program that has ended the way it was started before."""
        self._ask(json.loads((self.folder / f"{component}.start.json").read_text()))

    def signal(self, component: str, number: signal.Signals) -> None:
        """Send a signal to a program. Raises ``Problem`` if it does not run."""
        self._ask({"do": "signal", "name": component, "number": int(number)})

    def components(self) -> dict[str, int | None]:
        """Every program started here; the wait status of those that have ended, None for the others."""
        return {name: state["ended"] for name, state in self._ask({"do": "list"})["components"].items()}

    def pid_of(self, component: str) -> int:
        """The process id of a running program, as the machine sees it. Raises ``Problem`` if it does not
        run."""
        state = self._ask({"do": "list"})["components"].get(component)
        if state is None or state["ended"] is not None:
            raise Problem(f"{component} does not run on machine {self.name}; start it again first")
        return int(state["pid"])

    def run(self, *argv: str, network_only: bool = False, text: str | None = None) -> str:
        """Run a short program inside and return what it prints. Raises ``Problem`` with what it said.

        ``network_only``: with the files of the host, process ids of the host, and the network of the machine.
        """
        spaces = ["--net"] if network_only else ["--net", "--mount", "--pid", "--uts", "--ipc"]
        command = ["nsenter", "--target", str(self.pid), *spaces, "--", *argv]
        answer = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=self.environment(),
        )
        if answer.returncode != 0:
            raise Problem(f"on machine {self.name}, `{' '.join(argv)}` failed: {answer.stderr.strip()}")
        return answer.stdout

    def kill(self) -> None:
        """Kill the first process, and with it everything on the machine."""
        os.kill(self.pid, signal.SIGKILL)

    @property
    def _socket(self) -> Path:
        return self.folder / "init.sock"

    def _ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            try:
                connection.connect(str(self._socket))
                socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], descriptors)
                reply: dict[str, Any] = json.loads(connection.makefile("rb").readline() or b"{}")
            except OSError as error:
                raise Problem(
                    f"machine {self.name} does not answer ({error}); it was killed, or never started"
                ) from error
        if "error" in reply:
            raise Problem(f"machine {self.name}: {reply['error']}")
        return reply
