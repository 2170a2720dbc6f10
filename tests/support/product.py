"""The whole product as a person starts it: one process in dev mode, on a free port, talked to over HTTP."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

LASTING_PORTS = range(20_000, 30_000)
"""Below the ports that the kernel gives to outgoing connections: nobody else gets such a one by chance, not
even a client that tries again and again to reach it while nobody listens."""
START_SECONDS = 120.0
STOP_SECONDS = 30.0
ADDRESS = re.compile(r"http://[^\s/]+:\d+")


def lasting_port() -> int:
    """A free port on which a server can end and start again."""
    for port in random.sample(LASTING_PORTS, 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port was found")


class Product:
    """One dev server on the manifests in ``folder``; its data lie in ``data`` and outlive it.

    ``module`` is what is started: the operator, or the command line that becomes it.
    """

    def __init__(self, folder: Path, data: Path, *arguments: str, module: str = "nice_operator") -> None:
        self._command = [sys.executable, "-m", module, "dev", str(folder), "--data", str(data), *arguments]
        self._data = data
        self._said: list[str] = []
        self._news = threading.Condition()
        self.process: subprocess.Popen[str] | None = None
        self.base = ""

    def __enter__(self) -> Product:
        if self.process is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def said(self) -> str:
        """What it has written so far."""
        with self._news:
            return "".join(self._said)

    @property
    def port(self) -> int:
        """Where it listens, or did."""
        return int(self.base.rpartition(":")[2])

    def start(self, port: int = 0) -> None:
        """Start it, on a free port unless told otherwise, and wait until it serves."""
        said: list[str] = []
        self._said = said  # a record of its own: the last words of a server that was killed may come late
        self.process = subprocess.Popen(
            [*self._command, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self.process, said), daemon=True).start()
        try:
            self.base = self._await_address()
            self._await(lambda: bool(self.get("/readyz")), "does not become ready")
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does; its exit code. Kills it when it does not end in time."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end within {STOP_SECONDS} s:\n{self.said}") from None
        finally:
            self.kill()

    def kill(self) -> None:
        """End the server and its worker at once, without warning."""
        self.kill_server()
        with suppress(OSError, ValueError, KeyError):
            os.kill(json.loads((self._data / "worker.lock").read_text())["pid"], signal.SIGKILL)

    def kill_server(self) -> None:
        """End the server alone at once; its worker goes on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def await_worker(self) -> None:
        """Wait until the local worker is connected."""
        self._await(lambda: bool(self.get("/api/v1/workers")["workers"]), "has no worker")

    def get(self, path: str) -> Any:
        """The JSON document at ``path``."""
        with urllib.request.urlopen(self.base + path, timeout=30) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON answer to a POST of a JSON document. Raises urllib.error.HTTPError for a refusal."""
        request = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text or b"null") if "json" in answer.headers["Content-Type"] else text.decode()

    def until(self, path: str, condition: Callable[[Any], bool], seconds: float = START_SECONDS) -> Any:
        """The document at ``path`` as soon as it is as ``condition`` says. Fails with the last one seen."""
        deadline = time.monotonic() + seconds
        while not condition(found := self.get(path)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} did not come to be as expected within {seconds} s: {found}")
            time.sleep(0.02)
        return found

    def hear(self, words: str, seconds: float = START_SECONDS) -> None:
        """Wait until the server has written these words."""
        with self._news:
            if not self._news.wait_for(lambda: words in "".join(self._said), seconds):
                raise AssertionError(f"the server did not say {words!r}:\n{''.join(self._said)}")

    def _listen(self, process: subprocess.Popen[str], said: list[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                said.append(line)
                self._news.notify_all()
        process.stdout.close()
        with self._news:
            said.append("")
            self._news.notify_all()

    def _await_address(self) -> str:
        """The address that it says it serves."""

        def ended() -> bool:
            return bool(self._said) and self._said[-1] == ""

        def told() -> re.Match[str] | None:
            return ADDRESS.search("".join(self._said))

        with self._news:
            self._news.wait_for(lambda: told() or ended(), START_SECONDS)
            found = told()
        if found is None:
            raise AssertionError(f"the server did not say where it listens:\n{self.said}")
        return found[0]

    def _await(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Ask until the answer is yes."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(urllib.error.URLError, ConnectionError):
                if condition():
                    return
            if time.monotonic() > deadline:
                raise AssertionError(f"the server {otherwise}:\n{self.said}")
            time.sleep(0.05)
