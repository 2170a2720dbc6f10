"""The process of user code: arranges everything around it, waits at the gate, and executes the job.

The job is a JSON object on the first line of a pipe: ``task``, ``execution``, ``payload`` (JSON text),
``env`` and ``unhandled``. It is not even read before the keeper opens the gate. With ``helper`` set the
process is one that answers questions, which follow on the same pipe (see ``helper``).
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sys
import time
import types
from typing import Any, Dict, NamedTuple

from . import kernel
from .children import restore_signals
from .execute import execute
from .landlock import Domain
from .loading import Job
from .rehearsal import rehearse

EX_SOFTWARE = 70

RESULT, JOB, GATE = 3, 4, 5
"""Where the runner's descriptors are. User code finds 0, 1, 2 and RESULT, the others are closed by then."""


class Start(NamedTuple):
    """What a runner is born with: pipes, gate, a directory of its own, the folder of the task's code, and
    what confines it."""

    job: int
    out: int
    err: int
    result: int
    gate: int
    scratch: str
    code: str
    domain: Domain


def run_attempt(start: Start) -> int:
    """Prepare, wait until told to go, execute. Returns the exit code."""
    os.setsid()
    _arrange_descriptors(start)
    _limit()
    restore_signals()
    os.umask(0o022)
    os.mkdir(start.scratch, 0o700)
    start.domain.enter(start.scratch)
    os.chdir(start.scratch)
    _become_ordinary_python(start)
    rehearse()
    if os.read(GATE, 1) == b"":
        return EX_SOFTWARE  # the keeper died before it let us go
    os.close(GATE)
    with open(JOB, "rb") as pipe:
        document: Dict[str, Any] = json.loads(pipe.readline())
        job = _enter(document, start)
        if document.get("helper"):
            from .helper import answer_questions  # only now: no run needs it

            return answer_questions(job, pipe, RESULT)
    return execute(job, RESULT)


def _arrange_descriptors(start: Start) -> None:
    out_of_the_way = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in _sources(start)]
    for target, source in enumerate(out_of_the_way):
        os.dup2(source, target, inheritable=target < RESULT)
    kernel.close_all_from(GATE + 1)


def _sources(start: Start) -> "tuple[int, ...]":
    nothing = os.open(os.devnull, os.O_RDONLY)
    return nothing, start.out, start.err, start.result, start.job, start.gate


def _limit() -> None:
    kernel.die_with_parent()
    kernel.give_up_new_privileges()
    kernel.show()
    kernel.name_process("nice-run")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _enter(document: Dict[str, Any], start: Start) -> Job:
    """The job, and its surroundings made this process's own."""
    job = Job(
        task=document["task"],
        execution=document["execution"],
        payload=document["payload"],
        unhandled=document["unhandled"],
        code=start.code,
    )
    os.environ.update(document["env"])
    time.tzset()  # the task may have chosen a time zone of its own
    sys.argv = [job.task]
    return job


def _become_ordinary_python(start: Start) -> None:
    """Undo what a zygote's process differs in from one that a user would start."""
    os.environ.update(LANG="C.UTF-8", TMPDIR=start.scratch)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.dont_write_bytecode = True  # the folder of the tasks is its owner's, and old bytecode may lie
    sys.path[:] = ([start.code] if start.code else []) + [entry for entry in sys.path if entry]
