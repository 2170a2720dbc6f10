"""Errors that nobody awaited (in threads, asyncio tasks and callbacks) under the task's policy.

Warn is what Python does: it prints them. Ignore: not even that. Strict: the attempt fails at once.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, Callable, Dict, Optional

from . import failures
from .results import ResultChannel

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"

Handle = Callable[[Optional[BaseException], str], None]


def make_handler(policy: str, channel: ResultChannel) -> Optional[Handle]:
    """What to do with such an error, or None to leave it to Python."""
    if policy == WARN:
        return None
    if policy == IGNORE:
        return lambda error, where: None
    return lambda error, where: _fail(channel, error, where)


def install(handle: Optional[Handle]) -> None:
    """Take charge of the errors of threads and callbacks of this process."""
    if handle is None:
        return
    import threading  # only for those who ask: it makes every later fork of a run slower

    sys.unraisablehook = lambda found: handle(found.exc_value, str(found.err_msg or "in a callback"))
    threading.excepthook = lambda found: handle(found.exc_value, "in a thread")


def install_in_loop(loop: Any, handle: Optional[Handle]) -> None:
    """The same for an event loop."""
    if handle is None:
        return

    def on_error(loop: Any, context: Dict[str, Any]) -> None:
        handle(context.get("exception"), str(context.get("message", "in an event loop")))

    loop.set_exception_handler(on_error)


def _fail(channel: ResultChannel, error: Optional[BaseException], where: str) -> None:
    failures.complain(f"unhandled error: {where}")
    kind, message = "", where
    if error is not None:
        failures.print_failure(error)
        kind, message = failures.type_name(error), failures.text_of(error)
    channel.report_error("UnhandledError", kind, message)
    with suppress(Exception):
        sys.stdout.flush()
    os._exit(1)
