"""Commands about runs that exist: runs, cancel, retry."""

from __future__ import annotations

import click

from nice_cli.api import Document
from nice_cli.options import Target, everywhere, targeted, targeted_everywhere
from nice_cli.output import Column, Form, note, show_document, show_list
from nice_cli.times import NONE, age, span

STATES = (
    "queued", "claimed", "running",
    "succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "missed",
)  # fmt: skip

COLUMNS = (
    Column("RUN", lambda run: run["id"]),
    Column("TASK", lambda run: f"{run['namespace']}/{run['task']}"),
    Column("STATE", lambda run: run["state"], styled=True),
    Column("CREATED", lambda run: age(run["createdAt"])),
    Column("DURATION", lambda run: span(run["durationSeconds"])),
    Column("BY", lambda run: run["requestedBy"]["trigger"]),
    Column("REASON", lambda run: run["reason"] or NONE),
    Column("DUE", lambda run: age(run["availableAt"]) if run["state"] == "queued" else NONE),
    Column("ATTEMPT", lambda run: f"{run['attempt']}/{run['maxAttempts']}", wide=True),
    Column("EXIT", lambda run: _exit(run), wide=True),
    Column("WORKER", lambda run: run["worker"] or NONE, wide=True),
    Column("MESSAGE", lambda run: run["message"] or NONE, wide=True),
)


@click.command()
@click.argument("task", required=False)
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; repeatable.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="At most so many.")
@everywhere
@targeted
def runs(target: Target, task: str | None, states: tuple[str, ...], limit: int, all_namespaces: bool) -> None:
    """List runs, newest first: of TASK, or of all tasks."""
    wanted = target.task(task) if task else None
    said = None if all_namespaces else target.namespace
    namespace = wanted.namespace if wanted else said
    page = target.api.runs(namespace, wanted.name if wanted else None, states, limit)
    show_list(page["runs"], COLUMNS, lambda run: run["id"], target.form)
    if target.form in (Form.TABLE, Form.WIDE):
        _say_what_is_left(page, limit)


@click.command()
@click.argument("run")
@targeted_everywhere
def cancel(target: Target, run: str) -> None:
    """Stop RUN, or keep it from starting."""
    document = target.api.cancel(run)
    stopped = document["state"] == "cancelled"
    _show_changed(target, document, "is cancelled" if stopped else "is being stopped")


@click.command()
@click.argument("run")
@targeted_everywhere
def retry(target: Target, run: str) -> None:
    """Run RUN again, with the same payload, as a new run."""
    document = target.api.retry(run)
    _show_changed(target, document, f"runs it again ({document['state']})")


def _show_changed(target: Target, run: Document, what: str) -> None:
    if target.form in (Form.JSON, Form.YAML):
        show_document(run, target.form)
    elif target.form is Form.NAME:
        click.echo(run["id"])
    else:
        click.echo(f"run {run['id']} of {run['namespace']}/{run['task']} {what}")


def _say_what_is_left(page: Document, limit: int) -> None:
    if not page["runs"]:
        note("There are no such runs.")
    elif page["next"]:
        note(f"These are the newest {limit}; --limit shows more.")


def _exit(run: Document) -> str:
    if run["signal"]:
        return str(run["signal"])
    return NONE if run["exitCode"] is None else str(run["exitCode"])
