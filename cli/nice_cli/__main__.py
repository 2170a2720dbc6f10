"""Entry point of ``nicectl`` and ``kubectl nice``."""

from __future__ import annotations

import sys

import click

from nice_cli.app import nicectl
from nice_cli.called import called, called_as, remember
from nice_cli.errors import Failure
from nice_cli.exits import Exit


def run(argv: list[str]) -> int:
    """Exit code of the command line ``argv``."""
    remember(called_as(argv[0]))
    try:
        answer = nicectl.main(argv[1:], prog_name=called(), standalone_mode=False)
    except click.Abort:
        return Exit.INTERRUPTED
    except Failure as failure:
        failure.show()
        return failure.code
    except click.ClickException as misuse:
        misuse.show()
        return Exit.USAGE
    return int(answer or 0)


def main() -> None:
    """Run the command line; never returns."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # they are text files here
    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
