"""One attempt as two processes: forks the runner and keeps it."""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from dataclasses import dataclass
from typing import List, NoReturn

from . import kernel, runner
from .channel import Channel
from .children import ChildAlarm
from .keeper import Keeper


@dataclass(frozen=True)
class Place:
    """Where runs execute: the parent of their scratch directories, and the folder of the task's code."""

    scratch: str
    code: str


def keep_attempt(place: Place, control: Channel, pipes: List[int]) -> None:
    """In the keeper's process: fork the runner, keep it to its end, and clear its scratch directory."""
    kernel.become_subreaper()
    alarm = ChildAlarm()
    scratch = tempfile.mkdtemp(prefix="nice-run-", dir=place.scratch)
    try:
        gate_reader, gate = os.pipe()
        pid = os.fork()
        if pid == 0:
            job, out, err, result = pipes
            _become_runner(runner.Start(job, out, err, result, gate_reader, scratch, place.code))
        for descriptor in (*pipes, gate_reader):
            os.close(descriptor)
        Keeper(control, alarm, pid, gate).keep()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _become_runner(start: runner.Start) -> NoReturn:
    code = runner.EX_SOFTWARE
    try:
        code = runner.run_attempt(start)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
