"""Patterns of JSON Schemas, kept to those that Python's backtracking matcher ends soon.

Whoever writes a task chooses the pattern and whoever asks for a run the text, but the operator does the
matching for all of them. So a pattern may not repeat what already repeats or branches, and it sees short
texts only.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_PATTERN = 512
LONGEST_TEXT = 4096
MOST_REPEATS = 8

_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_ESCAPE = re.compile(r"\\[1-9]")
_OPEN_REPEAT = re.compile(r"[*+]|\{[0-9]*,[0-9]*\}|\{[0-9]{2,}\}")


def check_pattern(pattern: str) -> str:
    """What is wrong with ``pattern``, with the remedy; empty when it may be used."""
    if len(pattern) > LONGEST_PATTERN:
        return f"must have at most {LONGEST_PATTERN} characters, found {len(pattern)}; make it simpler"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"must be a regular expression, found {pattern!r:.80} ({error}); correct it"
    if _ESCAPE.search(pattern):
        return "must not refer back to a group (\\1), which can take for ever to match; leave it out"
    skeleton = re.sub(r"\\.", "x", _CLASS.sub("x", pattern))
    if _repeats_a_repeat(skeleton):
        return (
            "repeats a group that itself repeats or has alternatives, as in (a+)+, which can take for "
            "ever to match; write it without the outer repetition"
        )
    if len(_OPEN_REPEAT.findall(skeleton)) > MOST_REPEATS:
        return f"must have at most {MOST_REPEATS} repetitions (*, +, {{1,5}}); make it simpler"
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is found in ``text``, which is never so for a text of more than 4096 characters."""
    return len(text) <= LONGEST_TEXT and _compiled(pattern).search(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _repeats_a_repeat(skeleton: str) -> bool:
    """Walks the groups; each remembers whether something in it repeats or branches."""
    inner = [False]
    place = 0
    while place < len(skeleton):
        character = skeleton[place]
        if character == "(":
            inner.append(False)
        elif character == ")" and len(inner) > 1:
            busy = inner.pop()
            repeated = _OPEN_REPEAT.match(skeleton, place + 1) is not None
            if busy and repeated:
                return True
            inner[-1] |= busy or repeated
        elif character == "|" or _OPEN_REPEAT.match(skeleton, place):
            inner[-1] = True
        place += 1
    return False
