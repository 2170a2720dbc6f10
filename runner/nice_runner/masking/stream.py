"""Masks one stream of bytes. However it is cut, the outcome is that of the whole at once.

What may become a secret is held back until more has come: only while what was written last is the beginning
of one, and never much longer than the longest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from nice_protocol.secrecy.shapes import ACCESS_KEY, KEY_BODY, MASK, PRIVATE_KEY, WEB_TOKEN
from nice_runner.masking.patterns import Patterns, Span, united
from nice_runner.masking.values import SHORTEST

MOST_HELD = 64 * 1024
"""Bytes that are held back for a shape that does not end. Beyond them it is told as it stands."""

LONGEST_KEY = 16 * 1024
"""Bytes of a private key in PEM that is waited for."""

_MASK = MASK.encode()
_SHAPES = re.compile("|".join((PRIVATE_KEY, WEB_TOKEN, ACCESS_KEY, r"ghp_[A-Za-z0-9]{36,}")).encode())
_ANCHORS = ((b"V", b"PRIVATE KEY-----"), (b"J", b".eyJ"), (b"K", b"AKIA"), (b"_", b"ghp_"))
"""What such a value has in it, and of that a byte that many texts lack: its absence is seen in a twentieth of
the time. Fewer than what is masked where JSON is shown: each costs a search through all that is written."""

_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
_OPEN_TOKEN = re.compile(
    rb"(?:A(?:K(?:I(?:A[0-9A-Z]{0,15})?)?)?|g(?:h(?:p(?:_[A-Za-z0-9]*+)?)?)?"
    rb"|(?<![\w-])e(?:y(?:J[\w-]*+(?:\.(?:e(?:y(?:J[\w-]*+(?:\.[\w-]*+)?)?)?)?)?)?)?)\Z"
)
_KEY_BEGINS = b"-----BEGIN "
_OPEN_BODY = rf"{KEY_BODY}{{0,{LONGEST_KEY - 256}}}+(?:-----[A-Z0-9 ]{{0,48}}-{{0,4}})?"
_OPEN_KEY = re.compile(
    rf"-----BEGIN [A-Z0-9 ]{{0,32}}(?:PRIVATE KEY(?:-{{0,4}}|-----{_OPEN_BODY}))?\Z".encode()
)


class StreamMask:
    """``feed`` it what was written, in order, and ``end`` it. ``patterns`` gives what is known by then."""

    def __init__(self, patterns: Callable[[], Patterns]) -> None:
        self._patterns = patterns
        self._held = b""
        self._covered = 0
        """How many of the bytes held have their mask already."""

    def feed(self, data: bytes) -> bytes:
        """What can be told of all that came so far, and was not told yet."""
        patterns = self._patterns()
        data = self._held + data if self._held else data
        cut = known = patterns.beginning(data)
        shape = _open_shape(data)
        if len(data) - shape <= MOST_HELD:
            cut = min(known, shape)
        return self._tell(data, cut, patterns.spans(data))

    def end(self) -> bytes:
        """The rest. A secret that was cut off is masked, unless little of it was written."""
        patterns, data = self._patterns(), self._held
        begun = patterns.beginning(data)
        cut_off = [(begun, len(data))] if len(data) - begun >= SHORTEST else []
        return self._tell(data, len(data), patterns.spans(data) + cut_off)

    def _tell(self, data: bytes, cut: int, known: list[Span]) -> bytes:
        spans = known + _shape_spans(data)
        if not spans and not self._covered:
            self._held = data[cut:]
            return data if cut == len(data) else data[:cut]
        return self._masked(data, cut, united([(0, self._covered), *spans] if self._covered else spans))

    def _masked(self, data: bytes, cut: int, spans: Sequence[Span]) -> bytes:
        parts, at = list[bytes](), 0
        masked = self._covered > 0  # of the first span
        self._covered = 0
        for start, end in spans:
            if start >= cut and not masked:
                break
            parts += (data[at:start], b"" if masked else _MASK)
            at, masked = end, False
            self._covered = max(0, end - cut)
        parts.append(data[at:cut])
        self._held = data[cut:]
        return b"".join(parts)


def _shape_spans(data: bytes) -> list[Span]:
    if not any(byte in data and anchor in data for byte, anchor in _ANCHORS):
        return []
    return [found.span() for found in _SHAPES.finditer(data)]


def _open_shape(data: bytes) -> int:
    """Where in ``data`` something begins that may go on and become a secret by its shape; its length if
    nothing does."""
    first = len(data)
    run = len(data.rstrip(_TOKEN))
    if run < first and (token := _OPEN_TOKEN.search(data, run)) is not None:
        first = token.start()
    key = data.rfind(_KEY_BEGINS, max(0, len(data) - LONGEST_KEY))
    if key >= 0 and _OPEN_KEY.match(data, key):
        return min(first, key)
    size = next((n for n in range(len(_KEY_BEGINS) - 1, 0, -1) if data.endswith(_KEY_BEGINS[:n])), 0)
    return min(first, len(data) - size)
