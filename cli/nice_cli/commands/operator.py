"""Commands that start the operator's program: it takes over this process, its signals and exit code."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import NoReturn

import click

from nice_cli.errors import Failure
from nice_cli.exits import Exit

OPERATOR = "nice_operator"


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--data", metavar="DIR", help="Where data lie.  [default: ./.nice-commander]")
@click.option("--host", metavar="NAME", help="Loopback address to listen on.  [default: localhost, or $HOST]")
@click.option("--port", metavar="N", help="Port to listen on; 0: any free one.  [default: 9999, or $PORT]")
@click.option("--no-sync", is_flag=True, help="Use the stored definitions; do not read DIR.")
@click.option("--view-only", is_flag=True, help="Show everything, start and stop nothing.")
def dev(
    folder: str, data: str | None, host: str | None, port: str | None, no_sync: bool, view_only: bool
) -> None:
    """Run the tasks of a folder on this machine.

    Watches the NiceTasks in DIR, and serves a web page and an API for them.

    Ctrl-C finishes what runs, then ends; a second Ctrl-C ends at once.
    """
    values = {"--data": data, "--host": host, "--port": port}
    arguments = [part for flag, value in values.items() if value is not None for part in (flag, value)]
    flags = {"--no-sync": no_sync, "--view-only": view_only}
    arguments += [flag for flag, given in flags.items() if given]
    become_operator("dev", *arguments, "--", folder)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def lint(paths: tuple[str, ...], output: str) -> None:
    """Check manifests (files or folders) without a server.

    Ends with 0 when all are good, and with 1 when one is not.
    """
    become_operator("lint", "--output", output, "--", *paths)


def become_operator(*arguments: str) -> NoReturn:
    """Replace this process by ``python -m nice_operator``. Raises Failure when it is not installed."""
    if importlib.util.find_spec(OPERATOR) is None:
        raise Failure(
            f"the operator is not installed for {sys.executable}, and this command starts it. "
            "Install nice-operator and nice-runner beside nice-cli.",
            Exit.SERVER,
        )
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", OPERATOR, *arguments])  # noqa: S606 - no shell is meant
