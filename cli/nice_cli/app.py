"""The command line as a whole: its commands, in the order in which one needs them."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from nice_cli.commands.completion import completion
from nice_cli.commands.definitions import describe, list_tasks, next_fires
from nice_cli.commands.doctor import doctor
from nice_cli.commands.logs import logs
from nice_cli.commands.operator import dev, lint
from nice_cli.commands.run import run
from nice_cli.commands.runs import cancel, retry, runs
from nice_cli.commands.server import pools, show_version, workers
from nice_cli.commands.suspend import resume, suspend
from nice_cli.exits import EXIT_CODES_HELP
from nice_cli.options import shared

WITHOUT_SERVER = ("dev", "lint", "version", "completion")

READER_LEFT = 141
"""What a shell reports of programs that ended because ``| head`` had enough."""


class Commands(click.Group):
    """Lists commands as they were added, related ones together; ends quietly when its reader has left."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and see that what it said was written."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ctx.exit(READER_LEFT)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order of definition."""
        return list(self.commands)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES_HELP,
)
@shared
def nicectl(**given: str | None) -> None:
    """Scheduled and one-off tasks: run them, look at them, stop them."""
    command = click.get_current_context().invoked_subcommand
    if command in WITHOUT_SERVER:
        for name in filter(given.get, given):
            raise click.UsageError(
                f"{command} asks no server, so it takes no --{name.replace('_', '-')} before it."
            )


for _command in (
    dev, list_tasks, describe, run, logs, runs, cancel, retry, suspend, resume, next_fires, lint, pools,
    workers, doctor, completion, show_version,
):  # fmt: skip
    nicectl.add_command(_command)
