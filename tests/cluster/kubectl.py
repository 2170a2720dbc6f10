"""kubectl for programs: one call, its output, or a Problem with what it said."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.problem import Problem


@dataclass(frozen=True)
class Answer:
    """How a kubectl call ended."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Kubectl:
    """kubectl with one kubeconfig and, if given, one context."""

    program: Path
    kubeconfig: Path
    context: str = ""

    def attempt(self, *arguments: str, text: str | None = None, seconds: float = 60) -> Answer:
        """Call it and say how it ended, whatever that was. ``text`` is its standard input."""
        command = [str(self.program), *(["--context", self.context] if self.context else []), *arguments]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=seconds,
            env=self.environment(),
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, text: str | None = None, seconds: float = 60) -> str:
        """Call it; its output. Raises ``Problem`` when it failed."""
        answer = self.attempt(*arguments, text=text, seconds=seconds)
        if answer.code != 0:
            raise Problem(f"kubectl {' '.join(arguments)} failed ({answer.code}): {answer.errors.strip()}")
        return answer.output

    def get(self, *arguments: str) -> dict[str, Any]:
        """``kubectl get … -o json``, parsed."""
        parsed: dict[str, Any] = json.loads(self("get", *arguments, "-o", "json"))
        return parsed

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create or change these objects."""
        self(
            "apply",
            "--server-side",
            "-f",
            "-",
            text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        )

    def environment(self) -> dict[str, str]:
        """For programs that find their cluster in the environment. No cache in anybody's home."""
        folder = self.kubeconfig.parent
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(folder / "kubectl-cache"),
        }
