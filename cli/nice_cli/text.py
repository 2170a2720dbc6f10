"""Text for people: nothing that comes from elsewhere commands the terminal or disguises itself."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, but cursor movements and the like, too
    r"|\x1b[\]PX^_][^\n]*?(?:\x07|\x1b\\|(?=\n)|$)"  # OSC, DCS and other strings: titles, the clipboard
    r"|\x1b[ -/]*[0-~]?"  # everything else
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,40}m")
_TAB_LINE_RETURN = "\t\n\r"


def visible(text: str) -> str:
    """``text`` with every control, invisible or direction-changing character written as its escape."""
    return "".join(_escaped(c) if _hidden(c) else c for c in text)


def terminal_log(text: str) -> str:
    """A log line as a terminal may have it: colours stay, any other escape sequence goes."""
    kept = _ESCAPE.sub(lambda found: found[0] if _COLOUR.fullmatch(found[0]) else "", text)
    return "".join(_escaped(c) if _hidden(c) and c not in _TAB_LINE_RETURN + "\x1b" else c for c in kept)


def _hidden(character: str) -> bool:
    """Controls (Cc), formats such as bidirectional overrides (Cf), line separators, lone surrogates."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
