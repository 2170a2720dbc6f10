"""Commands that look at tasks: list, describe, next."""

from __future__ import annotations

import click

from nice_cli import exact
from nice_cli.api import Document
from nice_cli.called import called
from nice_cli.options import Target, everywhere, targeted
from nice_cli.output import Column, Form, note, show_document, show_facts, show_list, yaml_text
from nice_cli.text import visible
from nice_cli.times import NONE, age, local, span

COLUMNS = (
    Column("NAMESPACE", lambda task: task["namespace"]),
    Column("NAME", lambda task: task["name"]),
    Column("SCHEDULE", lambda task: task.get("scheduleInWords") or NONE),
    Column("NEXT", lambda task: age(task["nextFireAt"])),
    Column("ACTIVE", lambda task: str(task["active"])),
    Column("LAST", lambda task: age(_last_ended(task).get("createdAt"))),
    Column("RESULT", lambda task: _last_ended(task).get("state", NONE), styled=True),
    Column("STATUS", lambda task: _status(task), styled=True),
    Column("GENERATION", lambda task: str(task["generation"]), wide=True),
    Column("TIMEOUT", lambda task: task.get("timeoutInWords") or NONE, wide=True),
    Column("CONCURRENCY", lambda task: task.get("concurrencyPolicy") or NONE, wide=True),
    Column("ORIGIN", lambda task: task["origin"], wide=True),
    Column("DESCRIPTION", lambda task: _first_line(task.get("description", "")), wide=True),
)

UNFINISHED = ("queued", "claimed", "running")

FIRE_COLUMNS = (
    Column("AT", lambda fire: local(fire["at"])),
    Column("FROM NOW", lambda fire: age(fire["at"])),
    Column("UTC", lambda fire: fire["at"], wide=True),
    Column("KEY", lambda fire: fire["key"], wide=True),
)


@click.command("list")
@everywhere
@targeted
def list_tasks(target: Target, all_namespaces: bool) -> None:
    """List tasks: when they run next, how they ended last."""
    namespace = None if all_namespaces else target.namespace
    tasks = [t for t in target.api.tasks() if namespace in (None, t["namespace"])]
    show_list(tasks, COLUMNS, task_name, target.form)
    if not tasks and target.form in (Form.TABLE, Form.WIDE):
        note("There are no tasks here. Put a NiceTask into the folder that the server watches.")


@click.command()
@click.argument("task")
@targeted
def describe(target: Target, task: str) -> None:
    """Show everything about TASK.

    Its schedule, why it does not run now, its next and last runs, its definition.
    """
    wanted = target.task(task)
    document = target.api.task(wanted.namespace, wanted.name)
    if target.form is Form.NAME:
        click.echo(task_name(document))
    elif target.form in (Form.JSON, Form.YAML):
        show_document(document, target.form)
    else:
        upcoming = target.api.upcoming(wanted.namespace, wanted.name, 5)
        show_facts([*_facts(document), *_explained(target.api.explain(wanted.namespace, wanted.name))])
        _show_parts(document, upcoming, target.form)


@click.command("next")
@click.argument("task")
@click.option("-c", "--count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many.")
@targeted
def next_fires(target: Target, task: str, count: int) -> None:
    """Show when TASK runs next.

    Moments are on this machine's clock; -o wide adds UTC.
    """
    wanted = target.task(task)
    upcoming = target.api.upcoming(wanted.namespace, wanted.name, count)
    show_list(upcoming["fires"], FIRE_COLUMNS, lambda fire: fire["at"], target.form)
    if not upcoming["fires"] and target.form in (Form.TABLE, Form.WIDE):
        note(f"{wanted} has no planned moment. Run it now: {called()} run {wanted}")


def task_name(task: Document) -> str:
    """As every command takes it."""
    return f"{task['namespace']}/{task['name']}"


def _facts(task: Document) -> list[tuple[str, str]]:
    payload = task.get("payload")
    return [
        ("Name", task_name(task)),
        ("Task name", task.get("taskName", "") if task.get("taskName") != task["name"] else ""),
        ("Description", task.get("description", "")),
        ("Schedule", task.get("scheduleInWords") or ""),
        ("As written", "\n".join(task.get("schedules", ()))),
        ("Time zone", task.get("timeZone", "") if task.get("schedules") else ""),
        ("Suspended", "yes" if task.get("suspended") else ""),
        (
            "Next run",
            f"{local(task['nextFireAt'])} ({age(task['nextFireAt'])})" if task["nextFireAt"] else "",
        ),
        ("Stalled", task["stalled"]),
        ("Time limit", task.get("timeoutInWords") or ""),
        ("Concurrency", task.get("concurrencyPolicy", "")),
        ("Payload", "" if payload is None else exact.dumps(payload, indent=2)),
        ("Active runs", str(task["active"])),
        ("Generation", str(task["generation"])),
        ("Origin", task["origin"]),
    ]


def _explained(explanation: Document) -> list[tuple[str, str]]:
    """What it does now, or why it does nothing."""
    return [("Now", str(explanation["message"]))]


def _show_parts(task: Document, upcoming: Document, form: Form) -> None:
    if upcoming["fires"]:
        click.echo()
        show_list(upcoming["fires"], FIRE_COLUMNS, lambda fire: fire["at"], form)
    if task["lastRuns"]:
        click.echo()
        show_list(task["lastRuns"], LAST_RUN_COLUMNS, lambda run: run["id"], form)
    click.echo("\nDefinition:")
    for line in yaml_text(task["manifest"]).splitlines():
        click.echo(f"  {visible(line)}")


LAST_RUN_COLUMNS = (
    Column("RUN", lambda run: run["id"]),
    Column("STATE", lambda run: run["state"], styled=True),
    Column("CREATED", lambda run: age(run["createdAt"])),
    Column("DURATION", lambda run: span(run["durationSeconds"])),
    Column("REASON", lambda run: run["reason"] or NONE),
)


def _last_ended(task: Document) -> Document:
    """The newest run that has a result; what is still on its way is counted as active."""
    return next((run for run in task["lastRuns"] if run["state"] not in UNFINISHED), {})


def _status(task: Document) -> str:
    if task["stalled"]:
        return "stalled"
    return "suspended" if task.get("suspended") else "ready"


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else NONE
