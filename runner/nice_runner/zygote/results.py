"""Results: strict JSON within its limit, or a refusal that says why. Never cut short."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, Dict

MAX_RESULT = 1024 * 1024
"""Bytes of a result's JSON text in UTF-8."""


class ResultRefused(Exception):
    """The task returned what cannot be its result. ``reason`` is ResultTooLarge or ResultNotJson."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def encode_result(value: Any) -> str:
    """The JSON text of what a task returned."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultRefused("ResultNotJson", _not_json(value, error)) from None
    if size > MAX_RESULT:
        raise ResultRefused(
            "ResultTooLarge",
            f"the result has {size} bytes of JSON; at most {MAX_RESULT} are kept: "
            "store it elsewhere and return where it is",
        )
    return text


class ResultChannel:
    """Where a run's Python process reports its end. A child that it forked, and that comes this far in its
    parent's place, says nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._owner = os.getpid()

    def report_result(self, text: str) -> None:
        """It ended well, with this JSON text."""
        self._write({"result": text})

    def report_error(self, reason: str, error_type: str, message: str) -> None:
        """It failed."""
        self._write({"error": {"reason": reason, "type": error_type, "message": message}})

    def _write(self, report: Dict[str, Any]) -> None:
        if os.getpid() != self._owner:
            return
        data = memoryview(json.dumps(report).encode())
        with suppress(OSError):  # a supervisor that is gone does not matter any more
            while data:
                data = data[os.write(self._descriptor, data) :]


def _not_json(value: Any, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the result is nested too deeply for JSON"
    if isinstance(error, UnicodeEncodeError):
        return "the result has a lone surrogate, which is not a character, in a text"
    return f"the result (of type {type(value).__name__}) is not JSON: {error}"
