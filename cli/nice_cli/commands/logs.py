"""The command that reads logs."""

from __future__ import annotations

from uuid import UUID

import click

from nice_cli.api import Api
from nice_cli.called import called
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.follow import follow
from nice_cli.options import Target, targeted
from nice_cli.output import note
from nice_cli.screen import Screen


@click.command()
@click.argument("run_or_task", metavar="RUN|TASK")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the run ends.")
@click.option("--attempt", type=click.IntRange(min=1), help="Which attempt.  [default: the newest]")
@targeted
def logs(target: Target, run_or_task: str, following: bool, attempt: int | None) -> None:
    """Print the log of RUN, or of the newest run of TASK.

    What the run wrote to its standard error goes to standard error here, too.
    """
    api = target.api
    run = run_or_task if is_run_id(run_or_task) else newest_run(target, run_or_task)
    if following:
        follow_to_end(api, run, attempt)
    else:
        print_log(api, run, attempt)


def is_run_id(text: str) -> bool:
    """Runs are named by UUID; no task of Kubernetes is mistaken for one in practice."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def newest_run(target: Target, text: str) -> str:
    """The id of a task's newest run. Raises Failure when it has none."""
    wanted = target.task(text)
    page = target.api.runs(wanted.namespace, wanted.name, (), 1)
    if not page["runs"]:
        raise Failure(f"{wanted} has never run. Run it now: {called()} run {wanted}", Exit.NOT_FOUND)
    run: str = page["runs"][0]["id"]
    return run


def follow_to_end(api: Api, run: str, attempt: int | None) -> None:
    """Write the log as it grows, and say on standard error how it ended."""
    screen = Screen()
    try:
        document = follow(api, run, attempt, screen.write, note)
    except KeyboardInterrupt:
        note(f"\nNo longer followed; run {run} goes on.")
        raise
    screen.finish_shown_lines()
    _tell_gaps(document["log"])


def print_log(api: Api, run: str, attempt: int | None) -> None:
    """Write the log as far as it is stored now."""
    screen, after = Screen(), 0
    while True:
        page = api.logs(run, attempt, after)
        for chunk in page["chunks"]:
            screen.write(chunk["stream"], chunk["text"])
        if not page["chunks"]:
            break
        after = page["next"]
    screen.finish_shown_lines()
    _tell_gaps(page["log"])


def _tell_gaps(log: dict[str, object] | None) -> None:
    """Whoever reads a log with holes is told so."""
    if log is None or log["complete"]:
        return
    gaps = log["gaps"] if isinstance(log["gaps"], list) else []
    holes = ", ".join(f"{first}–{last}" for first, last in gaps)
    note("This log is not complete" + (f": lines {holes} are missing." if holes else "."))
