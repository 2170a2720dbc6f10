"""Executes a job: source, a function, or a program. Returns the process's exit code.

For Python the result channel carries one JSON object: ``{"result": <JSON text>}`` or
``{"error": {"reason", "type", "message"}}``. A program writes its result there itself, if it has one.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, Callable, List, NoReturn, Optional

from . import failures, unhandled
from .loading import Job, load_run
from .results import ResultChannel, ResultRefused, encode_result

NOT_FOUND, NOT_EXECUTABLE = 127, 126


def execute(job: Job, result: int) -> int:
    """Execute the job, which for a program means never to return."""
    if "command" in job.execution:
        _become_program(job, result)
    gc.enable()
    return _run_python(job, ResultChannel(result))


# ---------------------------------------------------------------- Python


def _run_python(job: Job, channel: ResultChannel) -> int:
    try:
        handle = unhandled.make_handler(job.unhandled, channel)
        unhandled.install(handle)
        text = encode_result(_call(load_run(job), job.payload, handle))
    except SystemExit as end:
        return _exit_as_python_does(end, channel)
    except ResultRefused as refused:
        failures.complain(str(refused))
        return _fail(channel, refused.reason, "", str(refused))
    except BaseException as error:
        failures.print_failure(error)
        return _fail(channel, "Error", failures.type_name(error), failures.text_of(error))
    _finish_as_python_does()
    channel.report_result(text)
    return 0


def _call(run: Callable[[Any], Any], payload: str, handle: Optional[unhandled.Handle]) -> Any:
    value = run(json.loads(payload))
    if not hasattr(value, "__await__"):
        return value
    import asyncio  # only now: most tasks need none, and a zygote may have preloaded it

    async def outcome() -> Any:
        unhandled.install_in_loop(asyncio.get_running_loop(), handle)
        result = await value
        unhandled.report_forgotten_tasks(asyncio.get_running_loop())
        return result

    return asyncio.run(outcome())


def _exit_as_python_does(end: SystemExit, channel: ResultChannel) -> int:
    """``sys.exit()`` and ``sys.exit(0)`` end a run well; a number is the exit code; a text is an error."""
    if end.code is None or end.code == 0:
        _finish_as_python_does()
        channel.report_result("null")
        return 0
    if isinstance(end.code, int):
        _fail(channel, "ExitCode", "SystemExit", f"sys.exit({end.code})")
        return end.code & 0xFF
    failures.complain(failures.text_of(end.code))
    return _fail(channel, "Error", "SystemExit", failures.text_of(end.code))


def _fail(channel: ResultChannel, reason: str, error_type: str, message: str) -> int:
    channel.report_error(reason, error_type, message)
    _finish_as_python_does()
    return 1


def _finish_as_python_does() -> None:
    """Wait for threads that are not daemons, run atexit functions, flush: ``os._exit`` does none of it."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # user code may have closed or replaced it
            stream.flush()


# ---------------------------------------------------------------- programs


def _become_program(job: Job, result: int) -> NoReturn:
    argv: List[str] = job.execution["command"]
    _payload_as_input(job.payload)
    os.set_inheritable(result, True)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # programs expect it; Python alone ignores it
    try:
        os.execvpe(_located(argv[0], job.code), argv, {**os.environ, "NICE_RESULT_FD": str(result)})
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        os.write(2, f"cannot start {argv[0]!r}: {why}\n".encode("utf-8", "backslashreplace"))
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)


def _payload_as_input(payload: str) -> None:
    """A file in memory: any size at once, and in nobody's argument list, environment or disk."""
    memory = os.memfd_create("payload")
    with open(memory, "wb", closefd=False) as file:
        file.write(payload.encode())
    os.lseek(memory, 0, os.SEEK_SET)
    os.dup2(memory, 0)
    os.close(memory)


def _located(program: str, code: str) -> str:
    """``./backup.sh`` is looked for beside the task's definition, since the working directory is empty."""
    return os.path.join(code, program) if code and "/" in program else program
