"""Commands that start the operator's program: it takes over this process, its signals and exit code."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import click

from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.text import visible

OPERATOR = "nice_operator"


@click.command()
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("--kube", is_flag=True, help="Run the NiceTasks of a cluster, on this machine.")
@click.option(
    "--context", metavar="NAME", help="… of this context of the kubeconfig.  [default: the current]"
)
@click.option("--kubeconfig", metavar="FILE", help="… of this file.  [default: as kubectl]")
@click.option(
    "-n", "--namespace", metavar="NAME", multiple=True, help="… of this namespace alone; repeatable."
)
@click.option(
    "--beside-operator", is_flag=True, help="… although an operator there runs them, too: all runs twice."
)
@click.option("--data", metavar="DIR", help="Where data lie.  [default: ./.nice-commander]")
@click.option("--host", metavar="NAME", help="Address to listen on.  [default: localhost, or $HOST]")
@click.option("--port", metavar="N", help="Port to listen on; 0: any free one.  [default: 9999, or $PORT]")
@click.option(
    "--tokens",
    metavar="DIR",
    help="Ask every caller for a token: a file per client, its name the client's, its content the token.  "
    "[env var: NICE_TOKEN_DIR; default: nobody is asked, and only loopback is listened on]",
)
@click.option("--no-sync", is_flag=True, help="Use the stored definitions; do not read DIR.")
@click.option("--view-only", is_flag=True, help="Show everything, start and stop nothing.")
@click.option("--log-to-stdout", is_flag=True, help="Copy the tasks' log lines to standard output.")
@click.option(
    "--unhandled-errors",
    type=click.Choice(["Strict", "Warn", "Ignore"]),
    help="For tasks that do not choose: what an error that nobody awaits does.  [default: Warn]",
)
@click.option(
    "--base-path", metavar="PATH", help="The path that another server serves this one at, as /nice."
)
@click.option(
    "--public-host", metavar="NAME", multiple=True, help="A name that visitors call that server by."
)
@click.option(
    "--trusted-proxy", metavar="ADDRESS", multiple=True, help="Address whose word about the user is believed."
)
@click.option("--user-header", metavar="NAME", help="Its header with the name.  [default: X-Forwarded-User]")
@click.option("--email-header", metavar="NAME", help="… and the email.  [default: X-Forwarded-Email]")
def dev(folder: str | None, **options: Any) -> None:
    """Run the tasks of a folder, or of a cluster, on this machine.

    Watches the NiceTasks in DIR, and serves a web page and an API for them. With --kube it watches those of a
    cluster and writes their status there; DIR is where their runs find modules and programs.

    Ctrl-C finishes what runs, then ends; a second Ctrl-C ends at once.
    """
    if folder is None and not options["kube"]:
        raise click.UsageError("Missing argument 'DIR': the folder of your NiceTasks; or say --kube.")
    place = "the cluster" if options["kube"] else visible(folder or "")
    click.echo(f"Starting on {place} …", err=True)
    become_operator("dev", *_given(options), "--", *([folder] if folder else []))


def _given(options: Mapping[str, Any]) -> Iterator[str]:
    """The options that were given, as the operator takes them: it knows them by the same names."""
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif isinstance(value, tuple):
            yield from (f"{flag}={one}" for one in value)
        elif value not in (None, False):
            yield f"{flag}={value}"


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
