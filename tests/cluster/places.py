"""Where the test cluster keeps its files: binaries and images for ever, a cluster's state while it lives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent.parent
STATE = Path("/var/lib/nice-cluster")
"""Short, because Unix sockets below it have at most 107 bytes for their path."""


def cache() -> Path:
    """Outside the checkout, so that a fresh clone need not build again. Created if missing."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "nice-commander" / "cluster"
    path.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(frozen=True)
class Places:
    """The files of one cluster. All of them lie below ``home``, so that removing it removes them all."""

    home: Path

    @classmethod
    def of(cls, name: str) -> Places:
        """The places of the native cluster ``name``."""
        return cls(STATE / name)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.home.name

    @property
    def lock(self) -> Path:
        """Held while somebody brings the cluster up or down. Beside ``home``, which comes and goes."""
        return self.home.with_name(f"{self.name}.lock")

    @property
    def complete(self) -> Path:
        """Exists when the bring-up reached its end; holds the settings that it was made with."""
        return self.home / "complete.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, through the relay on loopback."""
        return self.home / "kubeconfig"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.home / "pki"

    @property
    def audit_log(self) -> Path:
        """One JSON event per line, for every call to the API."""
        return self.machine("control") / "audit.log"

    def machine(self, name: str) -> Path:
        """The folder of one machine: its configuration, logs and data."""
        return self.home / name
