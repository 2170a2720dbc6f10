"""Terminal output made safe: colours are kept as names of styles, every other escape sequence is dropped.

Grammar: ECMA-48 §5.4 (control sequences) and §5.6 (control strings), as terminals read them. Colours
beyond the sixteen become the nearest of the sixteen, because only those have a legible shade on both a
light and a dark page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

MAX_PARAMETERS = 32
"""Parameters read of one sequence; the rest of a longer one is ignored."""

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)(?P<middle>[ -/]*)(?P<final>[@-~]?)"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS …
    r"|\x1b[ -/]*[0-~]?"  # two-character sequences
)
_STANDARD = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205)),
    *((229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255)),
    *((255, 0, 255), (0, 255, 255), (255, 255, 255)),
)
_FLAGS = {
    1: ("bold", True), 2: ("dim", True), 3: ("italic", True), 4: ("underline", True), 7: ("inverse", True),
    9: ("strike", True), 23: ("italic", False), 24: ("underline", False), 27: ("inverse", False),
    29: ("strike", False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of text looks. Colours are indexes 0–15, None is the page's own."""

    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    strike: bool = False

    @property
    def classes(self) -> str:
        """The names of the style sheet's classes, separated by spaces."""
        named = [f"fg{self.foreground}"] if self.foreground is not None else []
        named += [f"bg{self.background}"] if self.background is not None else []
        flags = ("bold", "dim", "italic", "underline", "inverse", "strike")
        return " ".join(named + [flag for flag in flags if getattr(self, flag)])


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text in one style."""

    text: str
    style: Style


_OPEN = re.compile(r"\x1b[\[\]PX^_]|[\x90\x98\x9b\x9d\x9e\x9f]")
_ENDS = "\x07\x9c\n"


def open_sequence(text: str) -> str:
    """The introducer of a sequence that ``text``, the first part of a line, leaves unfinished; else nothing.

    Put before the line's next part, it makes the rest of the sequence what it is.
    """
    begin = max(max(text.rfind(end) for end in _ENDS) + 1, text.rfind("\x1b"))
    found = _OPEN.search(text, max(begin, 0))  # nothing before it can reach the end of the text
    if found is None or _ESCAPE.match(text, found.start())["final"]:  # type: ignore[index]
        return ""
    return found.group()[:2] if found.group()[0] == "\x1b" else found.group()[0]


def strip_escapes(text: str) -> str:
    """``text`` without any escape sequence."""
    return _ESCAPE.sub("", text)


def collapse_returns(line: str) -> str:
    """What a terminal would show of a line that a progress bar wrote over and over with carriage returns."""
    return line.rstrip("\r").rpartition("\r")[2]


def parse(text: str, style: Style) -> tuple[list[Segment], Style]:
    """The pieces of ``text`` that begin in ``style``, and the style in which it ends."""
    segments: list[Segment] = []
    position = 0
    for found in _ESCAPE.finditer(text):
        if found.start() > position:
            segments.append(Segment(text[position : found.start()], style))
        position = found.end()
        if found["final"] == "m" and not found["middle"]:
            style = _select(found["parameters"], style)
    if position < len(text):
        segments.append(Segment(text[position:], style))
    return segments, style


def _select(parameters: str, style: Style) -> Style:
    """Select Graphic Rendition. Parameters of a private sequence (``<=>?``) change nothing."""
    if not re.fullmatch(r"[0-9;:]*", parameters):
        return style
    codes = iter(_codes(parameters))
    for code in codes:
        style = _apply(code, codes, style)
    return style


def _codes(parameters: str) -> list[int]:
    head = parameters[: MAX_PARAMETERS * 4].replace(":", ";").split(";")
    return [int(number[:4]) if number else 0 for number in head[:MAX_PARAMETERS]]


def _apply(code: int, rest: Iterator[int], style: Style) -> Style:
    if code == 0:
        return PLAIN
    if code == 22:
        return replace(style, bold=False, dim=False)
    if code in _FLAGS:
        flag, value = _FLAGS[code]
        return replace(style, **{flag: value})
    return _colour(code, rest, style)


def _colour(code: int, rest: Iterator[int], style: Style) -> Style:
    if 30 <= code <= 37 or 90 <= code <= 97:
        return replace(style, foreground=code - 30 if code < 40 else code - 82)
    if 40 <= code <= 47 or 100 <= code <= 107:
        return replace(style, background=code - 40 if code < 50 else code - 92)
    if code in (38, 39):
        return replace(style, foreground=None if code == 39 else _extended(rest))
    if code in (48, 49):
        return replace(style, background=None if code == 49 else _extended(rest))
    return style


def _extended(rest: Iterator[int]) -> int | None:
    """``5;n`` of the 256 colours, or ``2;r;g;b``."""
    kind = next(rest, 0)
    if kind == 5:
        return _of_256(next(rest, 0))
    if kind == 2:
        return _nearest((next(rest, 0), next(rest, 0), next(rest, 0)))
    return None


def _of_256(index: int) -> int | None:
    if index < 16:
        return index
    if index < 232:
        cube = index - 16
        return _nearest((cube // 36 * 51, cube // 6 % 6 * 51, cube % 6 * 51))
    return _nearest((8 + (index - 232) * 10,) * 3) if index < 256 else None


def _nearest(colour: tuple[int, int, int]) -> int:
    def distance(index: int) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour, _STANDARD[index], strict=True))

    return min(range(16), key=distance)
