"""Who may speak to this server through somebody's browser: the Host allow-list and the origin rule.

A foreign page can make a browser call us. Its DNS name gives it away in ``Host`` (rebinding), its origin
in ``Sec-Fetch-Site`` and ``Origin`` (forgery). A request with neither of the last two and no cookie comes
from no browser and is left to authentication.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from nice_operator.domain.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HERE = frozenset({"same-origin", "none"})


class Misdirected(Exception):
    """The Host header names a server that we are not (421)."""


def check_host(host: str, allowed: frozenset[str]) -> None:
    """Raise ``Misdirected`` unless the name in ``host`` (its port aside) is allowed."""
    name = host.rpartition(":")[0] if _has_port(host) else host
    if name.lower().rstrip(".") not in allowed:
        known = ", ".join(sorted(allowed))
        raise Misdirected(
            f"this server does not answer to the name in the Host header; it answers to {known}. "
            "Call it by one of these, or start it with the name among its hosts"
        )


def _has_port(host: str) -> bool:
    return ":" in host and not host.endswith("]")


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise ``Forbidden`` unless the request comes from our own page or from no browser at all."""
    site = headers.get("Sec-Fetch-Site")
    origin = headers.get("Origin")
    if site is not None and site not in _HERE:
        raise Forbidden(_refusal("Sec-Fetch-Site says the request comes from another site"))
    if origin is not None and not _same_origin(origin, headers.get("Host", "")):
        raise Forbidden(_refusal("its Origin is not this server"))
    if site is None and origin is None and "Cookie" in headers:
        raise Forbidden(_refusal("it carries a cookie but neither Origin nor Sec-Fetch-Site"))


def _refusal(why: str) -> str:
    return (
        f"this request was refused because {why}. Requests that change something must come from this "
        "server's own pages, or from a program (curl, nicectl), which sends neither header"
    )


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower() != ""
