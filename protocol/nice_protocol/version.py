"""Protocol versions, and how two peers agree on one."""

from __future__ import annotations

from collections.abc import Sequence

from nice_protocol.errors import Code, ProtocolError

VERSION = 1
"""The newest version this package speaks."""

SUPPORTED = (1,)
"""Every version this package speaks."""


def negotiate(offered: Sequence[int]) -> int:
    """The newest version that both know. Raises a fatal ProtocolError when there is none."""
    common = set(offered) & set(SUPPORTED)
    if common:
        return max(common)
    raise ProtocolError(
        Code.UNSUPPORTED_VERSION,
        f"this operator speaks protocol versions {_words(SUPPORTED)}; the worker offered {_words(offered)}: "
        "upgrade the older side",
        about="hello",
    )


def _words(versions: Sequence[int]) -> str:
    return ", ".join(str(v) for v in sorted(set(versions))[:10]) or "none"
