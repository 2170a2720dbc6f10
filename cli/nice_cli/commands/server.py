"""Commands about the programs themselves: workers, version."""

from __future__ import annotations

import click

import nice_cli
from nice_cli.options import Target, targeted_everywhere
from nice_cli.output import Column, Form, note, show_list
from nice_cli.times import age

COLUMNS = (
    Column("WORKER", lambda worker: worker["name"]),
    Column("POOL", lambda worker: worker["pool"]),
    Column("SLOTS", lambda worker: str(worker["slots"])),
    Column("BUSY", lambda worker: str(len(worker["runs"]))),
    Column("STATE", lambda worker: "draining" if worker["draining"] else "ready"),
    Column("CONNECTED", lambda worker: age(worker["connectedAt"]), wide=True),
    Column("SESSION", lambda worker: worker["session"], wide=True),
)


@click.command()
@targeted_everywhere
def workers(target: Target) -> None:
    """List the workers that are connected."""
    found = target.api.workers()
    show_list(found, COLUMNS, lambda worker: worker["name"], target.form)
    for worker in found if target.form in (Form.TABLE, Form.WIDE) else ():
        if worker.get("weakness"):
            note(f"{worker['name']}: {worker['weakness']}")
    if not found and target.form in (Form.TABLE, Form.WIDE):
        note("No worker is connected; runs wait until one is.")


@click.command("version")
def show_version() -> None:
    """Print the version of this program."""
    click.echo(nice_cli.version())
