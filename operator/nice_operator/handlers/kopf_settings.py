"""How kopf is told to leave our objects alone, and to cost little."""

from __future__ import annotations

from typing import Any

import kopf


def kopf_settings(*, page: int, inactivity: float) -> kopf.OperatorSettings:
    """``page``: objects per page of a listing; ``inactivity``: seconds of silence after which a watch is
    opened again."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True  # we have leaders of our own; equal peers would both freeze
    settings.posting.enabled = False
    settings.scanning.disabled = True  # no rights on namespaces and resource definitions are needed
    settings.watching.chunk_size = page
    settings.watching.inactivity_timeout = inactivity
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.queueing.idle_timeout = 0.1  # so long an object is kept in memory after its event
    settings.process.ultimate_exiting_timeout = None  # it would kill the whole process
    settings.persistence.diffbase_storage = _NoDifference()
    settings.persistence.progress_storage = _NoProgress()
    return settings


class _NoDifference(kopf.DiffBaseStorage):
    """kopf copies every object twice to see what changed in it, which only its other handlers need. That is
    two fifths of what an event costs."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> Any:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Nothing is ever stored."""


class _NoProgress(kopf.ProgressStorage):
    """Nothing is ever in progress."""

    def fetch(self, *, key: Any, body: Any) -> Any:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        """Nothing is ever stored."""

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        """Nothing is ever stored."""

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        """Nothing is ever stored."""

    def clear(self, *, essence: Any) -> Any:
        return essence
