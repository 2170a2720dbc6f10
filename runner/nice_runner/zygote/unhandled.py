"""Errors that nobody awaited (in threads, asyncio tasks and callbacks) under the task's policy.

Strict: the attempt fails at once. Warn: they are printed. Ignore: they are not.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, Optional

from . import failures
from .results import write_report

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"

_strict: Optional[Callable[[Optional[BaseException], str], None]] = None


def install(policy: str, result: int) -> None:
    """Take charge of unhandled errors of threads and callbacks of this process."""
    global _strict
    _strict = _failer(result)
    sys.unraisablehook = lambda found: _handle(policy, found.exc_value, str(found.err_msg or "unraisable"))
    threading = sys.modules.get("threading")
    if threading is not None:
        threading.excepthook = lambda args: _handle(policy, args.exc_value, "in a thread")  # type: ignore[attr-defined]


def install_in_loop(loop: Any, policy: str) -> None:
    """The same for an event loop."""

    def on_error(loop: Any, context: Dict[str, Any]) -> None:
        _handle(policy, context.get("exception"), str(context.get("message", "")))

    loop.set_exception_handler(on_error)


def _handle(policy: str, error: Optional[BaseException], where: str) -> None:
    if policy == IGNORE or isinstance(error, SystemExit):
        return
    print(f"unhandled error: {where}", file=sys.stderr)
    if error is not None:
        failures.print_failure(error)
    if policy == STRICT and _strict is not None:
        _strict(error, where)


def _failer(result: int) -> Callable[[Optional[BaseException], str], None]:
    def fail(error: Optional[BaseException], where: str) -> None:
        kind = failures.type_name(error) if error is not None else ""
        message = failures.text_of(error) if error is not None else where
        write_report(result, {"error": {"reason": "UnhandledError", "type": kind, "message": message}})
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(1)

    return fail
