"""The command that runs a task."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from nice_cli import exact
from nice_cli.api import Document
from nice_cli.called import called
from nice_cli.errors import Failure
from nice_cli.exits import Exit, fate
from nice_cli.follow import follow, wait_for_end
from nice_cli.options import Target, targeted
from nice_cli.output import Form, note, show_document
from nice_cli.screen import Screen
from nice_cli.times import span


@click.command()
@click.argument("task")
@click.option("--payload", metavar="JSON|@FILE|-", help="JSON, a file of it, or - for standard input.")
@click.option("--wait", is_flag=True, help="Wait for the end; only the result goes to standard output.")
@click.option("--follow", "following", is_flag=True, help="Show the log as it grows, then the result.")
@click.option("--idempotency-key", metavar="KEY", help="Repeats with the same key make no second run.")
@targeted
def run(
    target: Target, task: str, payload: str | None, wait: bool, following: bool, idempotency_key: str | None
) -> None:
    """Run TASK now.

    Without --wait and --follow this ends when the run is recorded. With one of them its exit code tells the
    run's fate (--help without a command lists them), and Ctrl-C leaves the run going.
    """
    wanted = target.task(task)
    text = None if payload is None else read_payload(payload)
    document = target.api.request_run(wanted.namespace, wanted.name, text, idempotency_key)
    if wait or following:
        _attend(target, document, wait, following)
    elif target.form in (Form.JSON, Form.YAML):
        show_document(document, target.form)
    else:
        plain = f"run {document['id']} of {wanted} is {document['state']}"
        click.echo(document["id"] if target.form is Form.NAME else plain)


def read_payload(given: str) -> str:
    """JSON text from the argument, a file or standard input. Raises Failure when it is not JSON."""
    text, source = _payload_text(given)
    try:
        exact.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"the payload from {source} is not JSON: {error}. "
            'In a shell, put it in single quotes: --payload \'{"name": "Ada"}\'',
            Exit.USAGE,
        ) from None
    return text


def _payload_text(given: str) -> tuple[str, str]:
    """The text, and where it came from in words."""
    if given == "-":
        return sys.stdin.read(), "standard input"
    if not given.startswith("@"):
        return given, "--payload"
    path = Path(given[1:])
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the payload cannot be read from {path}: {error}", Exit.USAGE) from None


def _attend(target: Target, document: Document, wait: bool, following: bool) -> NoReturn:
    """Stay until the run has ended, show what was asked for, and exit with its fate."""
    identity, screen = document["id"], Screen(aside=wait)
    try:
        if following:
            ended = _revealed(target, follow(target.api, identity, None, screen.write, note))
        else:
            ended = wait_for_end(target.api, identity, note)
    except KeyboardInterrupt:
        note(
            f"\nNo longer followed; run {identity} goes on.\n"
            f"Look again: {called()} logs -f {identity}\nStop it:    {called()} cancel {identity}"
        )
        raise
    screen.finish_lines()
    _show_end(target, ended)
    sys.exit(fate(ended["state"]))


def _revealed(target: Target, ended: Document) -> Document:
    """With the result as it is, which we asked for; what a stream tells is masked for everybody."""
    masked = ended["result"] is not None and "***" in exact.dumps(ended["result"])
    return wait_for_end(target.api, ended["id"], note) if masked else ended


def _show_end(target: Target, ended: Document) -> None:
    if target.form in (Form.JSON, Form.YAML):
        show_document(ended, target.form)
    elif ended["state"] == "succeeded":
        click.echo(exact.dumps(ended["result"], indent=2))
    note(summary(ended))


def summary(ended: Document) -> str:
    """How a run ended, in a sentence."""
    why = "; ".join(part for part in (ended["reason"], ended["message"]) if part)
    took = "" if ended["durationSeconds"] is None else f" after {span(ended['durationSeconds'])}"
    state = ended["state"].replace("_", " ")
    return f"run {ended['id']} {state}{took}" + (f": {why}" if why and state != "succeeded" else "")
