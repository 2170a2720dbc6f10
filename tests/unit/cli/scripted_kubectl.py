"""A kubectl that answers as a script says, and whose port-forward leads to a server of the test."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = """#!{python}
import json, os, socket, sys, threading, time
from pathlib import Path

home = Path({home!r})
words = [word for word in sys.argv[1:] if not word.startswith("--request-timeout")]
with (home / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")

def relay(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for one in (source, sink):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

def forward(ports, target):
    listener = socket.create_server(("127.0.0.1", int(ports.partition(":")[0] or 0)))
    print(f"Forwarding from 127.0.0.1:{{listener.getsockname()[1]}} -> 9999", flush=True)
    (home / "forwards").open("a").write(f"{{os.getpid()}}\\n")
    while True:
        near, _ = listener.accept()
        print("Handling connection for 1", flush=True)
        far = socket.create_connection(("127.0.0.1", target))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=relay, args=pair, daemon=True).start()

script = json.loads((home / "script").read_text())
line = " ".join(words)
if "port-forward" in words and script["target"]:
    forward(words[-1], script["target"])
found = [answer for start, answer in script["answers"] if line.startswith(start)]
out, err, code = found[-1] if found else ["", f"error: nobody scripted: {{line}}", 1]
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""

FORBIDDEN = 'Error from server (Forbidden): {what} is forbidden: User "ada" cannot do this\n'
NOT_FOUND = 'Error from server (NotFound): {what} "x" not found\n'


@dataclass
class ScriptedKubectl:
    """``home`` holds its script, what it was called with, and the process ids of its port-forwards."""

    home: Path
    target: int = 0
    answers: list[tuple[str, tuple[str, str, int]]] = field(default_factory=list)

    def install(self) -> str:
        """Make the program; the folder to put on PATH."""
        folder = self.home / "bin"
        folder.mkdir()
        program = folder / "kubectl"
        program.write_text(PROGRAM.format(python=sys.executable, home=str(self.home)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self._save()
        return str(folder)

    def leads_to(self, port: int) -> None:
        """Where port-forwards lead."""
        self.target = port
        self._save()

    def says(self, call: str, document: Any) -> None:
        """Calls that begin so are answered with a document."""
        self._answer(call, json.dumps(document), "", 0)

    def prints(self, call: str, text: str) -> None:
        """Calls that begin so are answered with a text."""
        self._answer(call, text, "", 0)

    def refuses(self, call: str, words: str) -> None:
        """Calls that begin so fail."""
        self._answer(call, "", words, 1)

    def calls(self) -> list[str]:
        """What it was called with."""
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [" ".join(json.loads(line)) for line in lines]

    def forwards(self) -> list[int]:
        """The processes of its port-forwards, the first one first."""
        path = self.home / "forwards"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _answer(self, call: str, out: str, err: str, code: int) -> None:
        self.answers.append((call, (out, err, code)))
        self._save()

    def _save(self) -> None:
        (self.home / "script").write_text(json.dumps({"target": self.target, "answers": self.answers}))


def ended(process: int, within: float = 20) -> bool:
    """Whether a process is gone, or goes soon."""
    give_up = time.monotonic() + within
    while os.path.exists(f"/proc/{process}") and _state(process) != "Z":
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def service(namespace: str, name: str = "nice-commander", **changes: Any) -> dict[str, Any]:
    """A release's Service."""
    return {
        "metadata": {"namespace": namespace, "name": name, **changes},
        "spec": {"ports": [{"name": "http", "port": 80}, {"name": "workman", "port": 9999}]},
    }
