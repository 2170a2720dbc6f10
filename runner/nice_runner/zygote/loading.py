"""From a job to the Python that it names: the task's module, and the function in it that runs."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any, Callable, Dict, NamedTuple

from . import failures

SOURCE_MODULE = "nice_task"


class Job(NamedTuple):
    """What to execute. ``payload`` is JSON text, ``code`` the folder of the task's modules or ""."""

    task: str
    execution: Dict[str, Any]
    payload: str
    unhandled: str
    code: str


class NoRunFunction(Exception):
    """The task's code has nothing to call."""


def load_run(job: Job) -> Callable[[Any], Any]:
    """The function that executes the task. Raises whatever the task's own code raises, or NoRunFunction."""
    module = load_module(job)
    if "python" in job.execution:
        run = getattr(module, "run", None)
        if not callable(run):
            raise NoRunFunction(f"the source of task {job.task} defines no function run(payload)")
        return run  # type: ignore[no-any-return]
    return _function_in(module, job.execution["function"])


def load_module(job: Job) -> types.ModuleType:
    """The module of a ``python`` or ``function`` task, executed."""
    if "python" in job.execution:
        return _module_of_source(job.execution["python"]["source"], job.task)
    return importlib.import_module(job.execution["function"].partition(":")[0])


def source_name(task: str) -> str:
    """What tracebacks call the source of a task."""
    return f"<task {task}>"


def _module_of_source(source: str, task: str) -> types.ModuleType:
    filename = source_name(task)
    failures.remember_source(filename, source)
    module = types.ModuleType(SOURCE_MODULE)
    module.__file__ = filename
    sys.modules[SOURCE_MODULE] = module
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    return module


def _function_in(module: types.ModuleType, path: str) -> Callable[[Any], Any]:
    target: Any = module
    for attribute in path.partition(":")[2].split("."):
        target = getattr(target, attribute)
    if not callable(target):
        raise NoRunFunction(f"{path} is of type {type(target).__name__}; expected a callable")
    return target  # type: ignore[no-any-return]
