"""One attempt as two processes: forks the runner and keeps it."""

from __future__ import annotations

import os
import socket
import traceback
from typing import List, NamedTuple, NoReturn, Sequence

from . import kernel, runner
from .channel import Channel
from .children import ChildAlarm
from .keeper import Keeper
from .landlock import Domain


class Place(NamedTuple):
    """Where runs execute: the parent of their scratch directories, the folder of the task's code, and what
    confines them."""

    scratch: str
    code: str
    domain: Domain


def keep_attempt(place: Place, descriptors: List[int], held: Sequence[int]) -> None:
    """In the keeper's process: fork the runner, keep it to its end, and clear its scratch directory.

    The fork comes first, so that the two prepare themselves side by side; the runner waits at its gate.
    """
    control, *pipes = descriptors
    scratch = os.path.join(place.scratch, f"nice-run-{os.getpid()}-{os.urandom(6).hex()}")
    gate_reader, gate = os.pipe()
    pid = os.fork()
    if pid == 0:
        job, out, err, result = pipes
        _become_runner(runner.Start(job, out, err, result, gate_reader, scratch, place.code, place.domain))
    kernel.name_process("nice-keeper")
    kernel.become_subreaper()
    kernel.close_all_but((0, 1, 2, control, gate, *held))
    try:
        Keeper(Channel(socket.socket(fileno=control)), ChildAlarm(), pid, gate).keep()
    finally:
        _remove(scratch)


def _remove(scratch: str) -> None:
    try:
        os.rmdir(scratch)
    except FileNotFoundError:
        pass  # its runner died too early to make it
    except OSError:
        import shutil  # large, and most runs leave nothing: every zygote and its forks do without it

        shutil.rmtree(scratch, ignore_errors=True)


def _become_runner(start: runner.Start) -> NoReturn:
    code = runner.EX_SOFTWARE
    try:
        code = runner.run_attempt(start)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
