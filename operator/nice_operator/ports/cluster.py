"""Kubernetes, as far as more than one part of this side must agree on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KubeAccess:
    """Where the API server is and who we are there.

    Nothing given: the pod's own service account, or else $KUBECONFIG or ~/.kube/config as kubectl reads
    them. ``kubeconfig`` names another file, ``context`` another context of it than its current one.
    """

    kubeconfig: Path | None = None
    context: str | None = None

    @property
    def given(self) -> bool:
        """Whether somebody chose it, so that the pod's own identity does not count."""
        return self.kubeconfig is not None or self.context is not None
