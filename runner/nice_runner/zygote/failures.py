"""What user code's exceptions look like to people: its own frames only, with their source lines."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any, Optional, Set

MAX_MESSAGE = 8192
"""Characters of an error's message that are reported; the log has all of it."""

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


def remember_source(filename: str, source: str) -> None:
    """Let tracebacks show the lines of a source that is no file."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)


def print_failure(error: BaseException) -> None:
    """Print the traceback on standard error. Never raises, whatever the exception's own methods do."""
    _hide_our_frames(error, set())
    try:
        traceback.print_exception(type(error), error, error.__traceback__)
    except BaseException as trouble:
        complain(f"{type_name(error)}: its traceback cannot be shown ({type(trouble).__name__})")


def complain(text: str) -> None:
    """Print a line on standard error, if user code has left us one."""
    with suppress(Exception):
        print(text, file=sys.stderr, flush=True)


def type_name(error: BaseException) -> str:
    """The class as one would import it; a builtin or the task's own without its module."""
    kind = type(error)
    module = str(kind.__module__)
    plain = module in ("builtins", "nice_task") or module.startswith(_package())
    return kind.__qualname__ if plain else f"{module}.{kind.__qualname__}"


def text_of(value: Any) -> str:
    """``str(value)`` within MAX_MESSAGE. Never raises."""
    try:
        text = str(value)
    except BaseException as trouble:
        return f"<its str() raised {type(trouble).__name__}>"
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + "…"


def _package() -> str:
    return __name__.rpartition(".")[0]


def _hide_our_frames(error: Optional[BaseException], seen: Set[int]) -> None:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _after_our_frames(error.__traceback__)
        _hide_our_frames(error.__cause__, seen)
        error = error.__context__


def _after_our_frames(frames: Optional[TracebackType]) -> Optional[TracebackType]:
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    return frames
