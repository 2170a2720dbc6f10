"""kubectl as a program: one call, its answer, and its refusals as ours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from nice_cli.called import called
from nice_cli.errors import Failure
from nice_cli.exits import Exit

WITHIN_SECONDS = 20.0
REQUEST_TIMEOUT = "--request-timeout=10s"
_LOG_LINE = re.compile(r"[EWI]\d{4} [\d:.]+ ")
"""The client tells what it tried in lines of its own log, and then what it found."""

Document = dict[str, Any]


class Forbidden(Failure):
    """The cluster knows us and does not let us do this."""


class Absent(Failure):
    """The cluster has no such thing."""


@dataclass(frozen=True, slots=True)
class Current:
    """The context in use; ``namespace`` is "" when it names none."""

    context: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with its own idea of file and context, unless given. Every call raises ``Failure``."""

    context: str | None = None
    kubeconfig: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What stands before each call."""
        context = ("--context", self.context) if self.context else ()
        return (*context, *(("--kubeconfig", self.kubeconfig) if self.kubeconfig else ()))

    def command(self, *words: str) -> list[str]:
        """A whole command line."""
        program = shutil.which("kubectl")
        if program is None:
            raise Failure(
                "kubectl is not on PATH, and the way to a cluster leads through it. Install it "
                "(https://kubernetes.io/docs/tasks/tools/), or name a server with --server or NICE_SERVER.",
                Exit.SERVER,
            )
        return [program, *self.options, *words]

    def call(self, *words: str, text: str | None = None) -> str:
        """What it printed. Raises Forbidden, Absent, or another Failure with kubectl's own words."""
        command = self.command(REQUEST_TIMEOUT, *words)
        terminal = sys.stdin if sys.stdin is not None and sys.stdin.isatty() else subprocess.DEVNULL
        try:
            done = subprocess.run(  # noqa: S603 - kubectl, and no shell
                command,
                **({"input": text} if text is not None else {"stdin": terminal}),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=WITHIN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _failed(words, f"it did not answer within {WITHIN_SECONDS:g} s") from None
        except OSError as error:
            raise _failed(words, str(error.strerror)) from None
        if done.returncode != 0:
            raise _failed(words, done.stderr.strip() or f"it ended with {done.returncode}")
        return done.stdout

    def get(self, *words: str) -> Document:
        """``kubectl get … -o json``, parsed."""
        found: Document = json.loads(self.call("get", *words, "-o", "json"))
        return found

    def items(self, *words: str) -> list[Document]:
        """The same for a list."""
        found: list[Document] = self.get(*words)["items"]
        return found

    def current(self) -> Current:
        """The context in use. Raises Failure when there is none."""
        try:
            config = json.loads(self.call("config", "view", "--minify", "-o", "json"))
            chosen = config["contexts"][0]
        except (KeyError, IndexError, TypeError):
            raise no_cluster("it names no context") from None
        except Failure as failure:
            raise no_cluster(failure.message) from None
        return Current(chosen["name"], chosen["context"].get("namespace", ""))


def no_cluster(why: str) -> Failure:
    """Nobody told us which cluster is meant."""
    return Failure(
        f"the kubeconfig leads to no cluster: {why}\n"
        f"Choose one: kubectl config get-contexts; {called()} --context NAME, or --kubeconfig FILE.",
        Exit.SERVER,
    )


def _failed(words: tuple[str, ...], said: str) -> Failure:
    lines = [line for line in said.splitlines() if not _LOG_LINE.match(line)]
    brief = "\n".join(lines[-3:]) or said[-500:]
    message = f"kubectl {' '.join(words[:2])} failed: {brief.removeprefix('error: ')}"
    if "(Forbidden)" in said or "forbidden: " in said:
        return Forbidden(message, Exit.SERVER)
    if "(NotFound)" in said or "doesn't have a resource type" in said:
        return Absent(message, Exit.NOT_FOUND)
    return Failure(message, Exit.SERVER)
