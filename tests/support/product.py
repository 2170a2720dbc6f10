"""The whole product as a person starts it: one process in dev mode, on a free port, talked to over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 30.0
ADDRESS = re.compile(r"http://[^\s/]+:\d+")


class Product:
    """One dev server on the manifests in ``folder``; its data lie in ``data`` and outlive it."""

    def __init__(self, folder: Path, data: Path, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "nice_operator", "dev", str(folder), "--data", str(data)]
        self._command += ["--port", "0", *arguments]
        self._data = data
        self._said: list[str] = []
        self._news = threading.Condition()
        self.process: subprocess.Popen[str] | None = None
        self.base = ""

    def __enter__(self) -> Product:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def said(self) -> str:
        """What it has written so far."""
        with self._news:
            return "".join(self._said)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self._said.clear()
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        try:
            self.base = self._await_address()
            self._await_ready()
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

    def get(self, path: str) -> Any:
        """The JSON document at ``path``."""
        with urllib.request.urlopen(self.base + path, timeout=30) as answer:
            return json.loads(answer.read())

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self._said.append(line)
                self._news.notify_all()
        process.stdout.close()
        with self._news:
            self._said.append("")
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

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/readyz")
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise AssertionError(f"the server does not become ready:\n{self.said}") from None
                time.sleep(0.05)
