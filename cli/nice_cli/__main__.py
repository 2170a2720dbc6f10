"""Entry point of ``nicectl`` and ``kubectl nice``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nice_cli.app import nicectl
from nice_cli.errors import Failure
from nice_cli.exits import Exit


def program_name(path: str) -> str:
    """What the person typed: kubectl runs its plugins as ``kubectl-…`` and they are told as ``kubectl …``."""
    name = Path(path).name
    if name.startswith("kubectl-"):
        return "kubectl " + name.removeprefix("kubectl-").replace("-", " ").replace("_", "-")
    return "nicectl"


def run(argv: list[str]) -> int:
    """Exit code of the command line ``argv``."""
    try:
        answer = nicectl.main(argv[1:], prog_name=program_name(argv[0]), standalone_mode=False)
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
