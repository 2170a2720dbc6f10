"""Values as the bytes that may stand for them in an output, and where those are."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from nice_protocol.secrecy.shapes import replaced
from nice_runner.masking.values import LONGEST, SHORTEST

MOST = 1000
"""Patterns of one attempt. Each costs a search through everything that is written."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Patterns:
    """What to look for. ``dropped``: how many were too many."""

    patterns: tuple[bytes, ...] = ()
    dropped: int = 0
    _over_lines: tuple[bytes, ...] = ()
    _rare: tuple[bytes, ...] = ()
    """Of each the byte that texts have least; its absence is seen in a fraction of the time."""

    def __add__(self, others: Patterns) -> Patterns:
        return _patterns((*self.patterns, *others.patterns)) if others.patterns else self

    def spans(self, data: bytes) -> list[Span]:
        """Where they are in ``data``, overlapping ones too, in no order."""
        both = zip(self._rare, self.patterns, strict=True)
        present = [pattern for byte, pattern in both if byte in data and pattern in data]
        return [span for pattern in present for span in _all(pattern, data)]

    def masked(self, text: str) -> str:
        """``text`` with them masked; the same object when there are none."""
        data = text.encode("utf-8", "surrogatepass")
        spans = self.spans(data)
        return replaced(data, united(spans)).decode("utf-8", "replace") if spans else text

    def beginning(self, data: bytes) -> int:
        """Where in ``data`` the first of them begins of which more may follow; its length when none does."""
        first, size = len(data), len(data)
        for pattern in self._over_lines if data.endswith(b"\n") else self.patterns:
            at = data.find(pattern[:1], max(0, size - len(pattern) + 1), first)
            while at >= 0:
                if pattern.startswith(data[at:]):
                    first = at
                    break
                at = data.find(pattern[:1], at + 1, first)
        return first


NOTHING = Patterns()

_COMMON = b"QZXJVKYUWHqGBjMNDFzLPCOTRSIEAx9876543210vkwybpgfmudchlsnroaite _-./"
"""Bytes of logs, the rarest first; others are rarer still."""


def patterns_of(values: Iterable[str]) -> Patterns:
    """Patterns for those ``values`` that are long enough."""
    return _patterns(form for value in dict.fromkeys(values) for form in _forms(value))


def _patterns(forms: Iterable[bytes]) -> Patterns:
    known = tuple(dict.fromkeys(forms))
    kept = known[:MOST]
    over_lines = tuple(form for form in kept if b"\n" in form)
    return Patterns(kept, len(known) - len(kept), over_lines, tuple(map(_rarest, kept)))


def _rarest(form: bytes) -> bytes:
    return bytes([min(form, key=lambda byte: _COMMON.find(byte))])


def united(spans: Iterable[Span]) -> list[Span]:
    """In order, those that overlap as one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return result


def _all(pattern: bytes, data: bytes) -> Iterator[Span]:
    at = data.find(pattern)
    while at >= 0:
        yield at, at + len(pattern)
        at = data.find(pattern, at + 1)


def _forms(value: str) -> Iterator[bytes]:
    """The value as written, in JSON, in a URL, in Base64 wherever it begins in what is encoded."""
    if len(value) < SHORTEST:
        return
    raw = value.encode("utf-8", "surrogateescape")
    if len(raw) > LONGEST:
        return
    yield raw
    with_surrogates = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    for text in (json.dumps(with_surrogates), json.dumps(with_surrogates, ensure_ascii=False)):
        yield text[1:-1].encode()
    yield quote(raw, safe="").encode()
    yield quote_plus(raw).encode()
    for offset in range(3):
        encoded = _base64(raw, offset)
        yield encoded
        yield encoded.translate(_URL_SAFE)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base64(raw: bytes, offset: int) -> bytes:
    """The digits that every Base64 has in which ``raw`` begins ``offset`` bytes after a multiple of 3."""
    digits = b64encode(b"\0" * offset + raw)
    return digits[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
