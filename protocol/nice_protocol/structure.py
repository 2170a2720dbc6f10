"""How much structure a JSON text has, counted without reading it: what it costs to read depends on that."""

from __future__ import annotations

from collections.abc import Iterator

from nice_protocol.limits import MAX_CONTAINERS, MAX_NAMES, MAX_QUOTES, MAX_VALUES

SLICE = 256 * 1024
_BOUNDS = ((",", MAX_VALUES), ("[{", MAX_CONTAINERS), (":", MAX_NAMES))


def is_excessive(text: str | bytes) -> bool:
    """Whether ``text`` has more structure than any message needs. Only a text that has so many of these
    characters at all is looked at closely: they may be inside of strings."""
    text = text if isinstance(text, str) else text.decode(errors="replace")
    if not _exceeds(text) and text.count('"') <= MAX_QUOTES:
        return False
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    return text.count('"') > MAX_QUOTES or _exceeds("".join(_outside(text)))


def _outside(text: str) -> Iterator[str]:
    """What is outside of strings; in slices, so that a thread that does this lets others on between them."""
    inside = 0
    for at in range(0, len(text), SLICE):
        parts = text[at : at + SLICE].split('"')
        yield "".join(parts[inside::2])
        inside = (inside + len(parts) - 1) % 2


def _exceeds(text: str) -> bool:
    return any(sum(map(text.count, characters)) > bound for characters, bound in _BOUNDS)
