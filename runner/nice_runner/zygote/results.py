"""Results: strict JSON within its limit, or a refusal that says why. Never cut short."""

from __future__ import annotations

import json
import os
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


def write_report(descriptor: int, report: Dict[str, Any]) -> None:
    """Write one report, whole. A supervisor that is gone does not matter any more."""
    data = memoryview(json.dumps(report).encode())
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        pass


def _not_json(value: Any, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the result is nested too deeply for JSON"
    if isinstance(error, UnicodeEncodeError):
        return "the result has a lone surrogate, which is not a character, in a text"
    return f"the result (of type {type(value).__name__}) is not JSON: {error}"
