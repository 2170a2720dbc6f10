"""The API server's answers as our errors; nothing of the client library passes this border.

KubeRefused      4xx: repeating the same call is useless; ``status`` and ``reason`` are Kubernetes' own
KubeUnavailable  429, 5xx, no answer: the same call may succeed later, after ``retry_after`` seconds if known
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from nice_operator.domain.errors import NiceError, Unavailable

_PASSING = frozenset({408, 429})


class KubeRefused(NiceError):
    """The API server understood and will not do it."""

    def __init__(self, message: str, status: int, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def gone(self) -> bool:
        """There is no such object (any more), or not the one that was meant."""
        return self.status in (404, 409, 410)


class KubeUnavailable(Unavailable):
    """The API server does not answer, or is too busy."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def error_of(
    call: str, status: int, answer: Mapping[str, Any], headers: Mapping[str, str]
) -> KubeRefused | KubeUnavailable:
    """What an answer with an error's ``status`` means. ``call`` names it, as "PATCH /apis/…"."""
    said = str(answer.get("message") or "no message")
    if status in _PASSING or status >= 500:
        return KubeUnavailable(f"Kubernetes answers {call} with {status}: {said}", _seconds(headers))
    return KubeRefused(
        f"Kubernetes refuses {call} ({status}): {said}", status, str(answer.get("reason") or "")
    )


def _seconds(headers: Mapping[str, str]) -> float | None:
    """``Retry-After``; Kubernetes writes whole seconds, and a proxy's date is not worth understanding."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(headers.get("Retry-After", "")))
    return None
