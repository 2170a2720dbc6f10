"""The names of wake-up topics, in one place (see ``ports.Wakeups``)."""

from __future__ import annotations

from nice_operator.domain.ids import RunId

QUEUE = "queue"
TASKS = "tasks"
DUE = "due"
RUNS = "runs"
WORKERS = "workers"
LEADER = "leader"
"""Somebody stopped leading: the others need not wait for the end of the lease."""
STOPS = "stops"
"""Somebody asked to stop runs, which workers of any replica may hold."""
COMING = "coming"
"""A request is about to be recorded here: what is asked of the store from now on is decided after it, so that
recording a job and giving it out may share a commit."""
ASKED = "asked"
"""A worker outside asks for a job. Only the server whose connections they are needs to know."""
HOLDINGS = "holdings"
"""What workers outside hold may have to end. Only the server whose connections they are needs to know."""


def run(run_id: RunId) -> str:
    """The state or the log of this run changed."""
    return f"run:{run_id}"


def end(run_id: RunId) -> str:
    """This run became final."""
    return f"end:{run_id}"
