"""How nicectl fails: a sentence on standard error, and an exit code for the kind of failure."""

from __future__ import annotations

from typing import IO, Any

import click

from nice_cli.called import called
from nice_cli.exits import Exit
from nice_cli.text import visible


class Failure(click.ClickException):
    """Something that nicectl cannot do, and the exit code that says of what kind it is."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Messages quote the server, so nothing in them may reach the terminal as a command."""
        lines = "\n".join(visible(line) for line in self.message.splitlines())
        click.echo(f"{called()}: {lines}", file=file, err=file is None)
