"""How an attempt ended, as a pure function of what was seen of its end."""

from __future__ import annotations

import json
import signal as signals
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_RESULT = 1024 * 1024
"""Bytes of a result's JSON text in UTF-8."""

MAX_REPORT = 8 * MAX_RESULT
"""Bytes of a report that are kept for reading: a result with every character escaped, and its envelope."""


MAX_MESSAGE = 8193
"""Characters of an error's message, and of its type and reason MAX_NAME: a task that writes its report itself
shall not make one that is too long to be sent."""

MAX_NAME = 256


class Cause(StrEnum):
    """Why a run was stopped. The first one holds."""

    DEADLINE = "deadline"
    CANCEL = "cancel"
    INTERRUPT = "interrupt"
    LEASE_LOST = "lease_lost"
    DISCARD = "discard"
    ABANDONED = "abandoned"
    MEMORY = "memory"


@dataclass(frozen=True)
class Ending:
    """What was seen of a run's end.

    ``code`` or ``signal`` is how its runner ended (both None: its keeper vanished and nobody knows).
    ``cpu_seconds`` and ``peak_memory`` (bytes) count its whole tree; ``survivors`` are processes that had
    to be killed after it. ``memory_used``: bytes that were too many, if any. ``report`` is what came over
    the result channel, of ``report_size`` bytes.
    """

    code: int | None = None
    signal: int | None = None
    cause: Cause | None = None
    stopped_by: str | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    memory_used: int | None = None
    survivors: int = 0
    report: bytes = b""
    report_size: int = 0


@dataclass(frozen=True)
class Verdict:
    """The fields of a ``finish`` message that say how it ended."""

    state: str
    reason: str
    message: str = ""
    result: str | None = None
    error_type: str = ""
    interrupted: bool = False


def judge(ending: Ending, *, program: bool, timeout: float, memory_limit: int | None = None) -> Verdict:
    """Say how an attempt ended. ``program``: its result channel carries a bare result, not a report.
    ``timeout`` in seconds and ``memory_limit`` in bytes are its task's."""
    if ending.cause is Cause.MEMORY:
        return _too_much_memory(ending.memory_used, memory_limit)
    if ending.cause is not None:
        return _stopped(ending.cause, timeout)
    if ending.signal is not None:
        return Verdict("failed", "Signal", _killed(ending.signal))
    if ending.code is None:
        return Verdict(
            "lost", "KeeperLost", "the process that kept the run vanished; its processes were ended"
        )
    return _program_ended(ending, ending.code) if program else _python_ended(ending, ending.code)


def _killed(number: int) -> str:
    hint = ": the kernel does so when its container's memory is used up" if number == signals.SIGKILL else ""
    return f"its process was killed by {signal_name(number)}, which this worker did not send{hint}"


def signal_name(number: int) -> str:
    """SIGKILL for 9; the number of one that has no name."""
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stopped(cause: Cause, timeout: float) -> Verdict:
    match cause:
        case Cause.MEMORY:
            return _too_much_memory(None, None)
        case Cause.DEADLINE:
            return Verdict(
                "timed_out", "DeadlineExceeded", f"it ran longer than its timeout of {timeout:g} s"
            )
        case Cause.CANCEL:
            return Verdict("cancelled", "Cancelled", "it was stopped on request")
        case Cause.INTERRUPT:
            return Verdict(
                "lost", "Interrupted", "its worker was told to leave before it ended", interrupted=True
            )
        case Cause.LEASE_LOST | Cause.DISCARD:
            return Verdict("lost", "LeaseLost", "its worker was cut off from the operator for too long")
        case Cause.ABANDONED:
            return Verdict("lost", "WorkerLost", "its worker's supervisor vanished")


def _too_much_memory(used: int | None, limit: int | None) -> Verdict:
    found = "more" if used is None else _mebibytes(used)
    expected = "its limit" if limit is None else _mebibytes(limit)
    return Verdict(
        "failed",
        "OutOfMemory",
        f"it used {found} of memory, and its memoryLimit allows {expected}: raise the limit, or let the task "
        "hold less at a time",
    )


def _mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"


def _program_ended(ending: Ending, code: int) -> Verdict:
    if code != 0:
        return Verdict("failed", "ExitCode", _exit_message(code))
    if ending.report_size > MAX_RESULT:
        return _too_large(ending.report_size)
    return _result(ending.report.strip() or b"null")


def _exit_message(code: int) -> str:
    hint = {126: ": the program could not be executed", 127: ": the program was not found"}.get(code, "")
    return f"the program ended with exit code {code}{hint}"


def _python_ended(ending: Ending, code: int) -> Verdict:
    report = _read_report(ending)
    if report is None:
        return Verdict("failed", "NoResult", f"its process ended with exit code {code} before run() returned")
    if "result" in report:
        return _result(str(report["result"]).encode("utf-8", "surrogatepass"))
    error = report["error"]
    reason, kind = _sendable(error["reason"], MAX_NAME), _sendable(error["type"], MAX_NAME)
    return Verdict("failed", reason, _sendable(error["message"], MAX_MESSAGE), None, kind)


def _sendable(value: Any, limit: int) -> str:
    """As a text that UTF-8 has: a file name's stray bytes are lone surrogates in Python, here ``\\udcff``."""
    return str(value)[:limit].encode("utf-8", "backslashreplace").decode()[:limit]


def _read_report(ending: Ending) -> dict[str, Any] | None:
    """The runner's report, or None if there is none that makes sense (user code may write there too)."""
    try:
        report = json.loads(ending.report)
        if "result" in report or {"reason", "message", "type"} <= report["error"].keys():
            return dict(report)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return None


def _result(text: bytes) -> Verdict:
    if len(text) > MAX_RESULT:
        return _too_large(len(text))
    try:
        decoded = text.decode()
        value = json.loads(decoded, parse_constant=_refuse_constant, parse_int=str, parse_float=str)
        if "\\u" in decoded:
            _refuse_lone_surrogates(value)
    except (ValueError, RecursionError) as error:
        return Verdict("failed", "ResultNotJson", f"what it gave as its result is not JSON: {error}")
    return Verdict("succeeded", "Completed", result=decoded)


def _refuse_lone_surrogates(value: Any) -> None:
    """JSON can escape half a character, which no answer in UTF-8 could then show."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in it has a lone surrogate, which is not a character") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _too_large(size: int) -> Verdict:
    return Verdict(
        "failed",
        "ResultTooLarge",
        f"the result has {size} bytes of JSON; at most {MAX_RESULT} are kept: "
        "store it elsewhere and return where it is",
    )
