"""Values that give themselves away by their shape, in any text."""

from __future__ import annotations

import re

MASK = "***"
"""What stands where a secret was."""

TOKEN = r"[A-Za-z0-9_-]"  # noqa: S105 - characters, no token
KEY_BODY = r"(?:[A-Za-z0-9+/=\s:,.]|\\[nrt]|-(?!----))"
"""What stands between the first and the last line of a PEM key, line ends escaped or not. Without a dash
line, so that a thousand beginnings are not each read to the end."""

ACCESS_KEY = r"(?:AKIA|ASIA)[0-9A-Z]{16}"
GITHUB = rf"gh[opsur]_[A-Za-z0-9]{{36,}}|github_pat_{TOKEN}{{22,}}"
WEB_TOKEN = rf"(?<![\w-])eyJ{TOKEN}{{8,}}+\.eyJ{TOKEN}{{8,}}+\.{TOKEN}{{8,}}+"
KEY_FIRST, KEY_LAST = (rf"-----{word} [A-Z0-9 ]{{0,32}}PRIVATE KEY-----" for word in ("BEGIN", "END"))
_KEY_LINES = r"(?:(?:[ \t]*(?:\r?\n|\\r|\\n)[ \t]*)+(?:[A-Z][A-Za-z-]+: [^\n\"\\]*|[A-Za-z0-9+/=]+))*"
PRIVATE_KEY = rf"{KEY_FIRST}(?:{KEY_BODY}{{0,16384}}{KEY_LAST}|{_KEY_LINES})"
"""With its last line, or as far as its lines go."""
OTHERS = rf"glpat-{TOKEN}{{20,}}|xox[abeoprs]-[A-Za-z0-9-]{{10,}}|[sr]k_live_[A-Za-z0-9]{{16,}}"

_SHAPES = re.compile("|".join((PRIVATE_KEY, WEB_TOKEN, ACCESS_KEY, GITHUB, OTHERS)).encode())
_ANCHORS = (
    *(b"PRIVATE KEY-----", b".eyJ", b"AKIA", b"ASIA", b"github_pat_", b"glpat-", b"k_live_"),
    *(b"ghp_", b"gho_", b"ghs_", b"ghu_", b"ghr_", b"xox"),
)


def shape_spans(data: bytes) -> list[tuple[int, int]]:
    """Where in ``data`` (UTF-8) such values are, in order: start and end."""
    if not any(anchor in data for anchor in _ANCHORS):
        return []
    return [found.span() for found in _SHAPES.finditer(data)]


def without_shapes(text: str) -> str:
    """``text`` with such values masked; the same object when there are none."""
    data = text.encode("utf-8", "surrogatepass")
    spans = shape_spans(data)
    return replaced(data, spans).decode("utf-8", "surrogatepass") if spans else text


def replaced(data: bytes, spans: list[tuple[int, int]], mask: bytes = MASK.encode()) -> bytes:
    """``data`` with ``mask`` instead of each of the spans, which are in order and apart."""
    parts, at = list[bytes](), 0
    for start, end in spans:
        parts += (data[at:start], mask)
        at = end
    return b"".join((*parts, data[at:]))
