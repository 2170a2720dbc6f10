"""Tokens on disk, and a gate for workers that knows what a test tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nice_operator.domain.errors import Unavailable
from nice_operator.ports import WorkerIdentity
from nice_operator.web.tokens import Tokens

ADA, BOB = "ada-" + "1" * 28, "bob-" + "2" * 28
POD = "pod-" + "3" * 28


def token_directory(path: Path, **tokens: str) -> Path:
    """A directory with a file for each client."""
    path.mkdir(exist_ok=True)
    for name, token in (tokens or {"ada": ADA, "bob": BOB}).items():
        (path / name).write_text(token + "\n")
    return path


def tokens_in(path: Path) -> Tokens:
    """Ada's and Bob's."""
    return Tokens(token_directory(path))


def bearer(token: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Gate:
    """``ports.WorkerGate``: who the tokens of workers are. ``away``: whoever knows does not answer."""

    identities: dict[str, WorkerIdentity] = field(
        default_factory=lambda: {POD: WorkerIdentity("default/default", "pod-1")}
    )
    away: bool = False

    async def admit(self, token: str) -> WorkerIdentity | None:
        """As the test said."""
        if self.away:
            raise Unavailable("the API server does not answer")
        return self.identities.get(token)
