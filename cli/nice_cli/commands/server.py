"""Commands about the programs themselves: pools, workers, version."""

from __future__ import annotations

import click

import nice_cli
from nice_cli.api import Document
from nice_cli.options import Target, targeted_everywhere
from nice_cli.output import Column, Form, note, show_list
from nice_cli.times import NONE, age, span

POOLS = (
    Column("POOL", lambda pool: f"{pool['namespace']}/{pool['name']}"),
    Column("WORKERS", lambda pool: str(pool["workers"])),
    Column("BUSY", lambda pool: f"{pool['busySlots']}/{pool['slots']}"),
    Column("QUEUED", lambda pool: str(pool["queued"])),
    Column("OLDEST", lambda pool: span(pool["oldestWaitSeconds"])),
    Column("PODS", lambda pool: _pods(pool["deployment"])),
    Column("STATE", lambda pool: _state(pool)),
    Column("DRAINING", lambda pool: str(pool["draining"]), wide=True),
)
COLUMNS = (
    Column("WORKER", lambda worker: worker["name"]),
    Column("POOL", lambda worker: worker["pool"]),
    Column("SLOTS", lambda worker: str(worker["slots"])),
    Column("BUSY", lambda worker: str(len(worker["runs"]))),
    Column("STATE", lambda worker: "draining" if worker["draining"] else "ready"),
    Column("CONNECTED", lambda worker: age(worker["connectedAt"]), wide=True),
    Column("SESSION", lambda worker: worker["session"], wide=True),
)


def _pods(deployment: Document | None) -> str:
    return NONE if deployment is None else f"{deployment['ready']}/{deployment['replicas']}"


def _state(pool: Document) -> str:
    """Of the pool's own words the shortest."""
    if pool["trouble"]:
        return "trouble"
    ready = next((each["reason"] for each in pool["conditions"] if each["type"] == "Ready"), "")
    return ready or ("Connected" if pool["workers"] else "NoWorker")


@click.command()
@targeted_everywhere
def pools(target: Target) -> None:
    """List the pools: workers, what waits for them, and what is wrong."""
    found = target.api.pools()
    show_list(found, POOLS, lambda pool: f"{pool['namespace']}/{pool['name']}", target.form)
    for pool in found if target.form in (Form.TABLE, Form.WIDE) else ():
        if pool["trouble"]:
            note(f"{pool['namespace']}/{pool['name']}: {pool['trouble']}")
    if not found and target.form in (Form.TABLE, Form.WIDE):
        note("There is no worker pool; kubectl apply a NiceWorkerPool.")


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
