"""``python -m nice_operator``: arguments → bootstrap → exit code."""

from __future__ import annotations

import sys

import uvloop

from nice_operator.bootstrap.console import set_up_logging
from nice_operator.bootstrap.dev import run_dev
from nice_operator.bootstrap.linting import run_lint
from nice_operator.domain.errors import InvalidInput, NiceError
from nice_operator.settings import DevSettings, read_settings

EX_REFUSED = 2


def main() -> int:
    """Returns the exit code: 0 stopped in order, 1 lint found problems, 2 could not start."""
    try:
        settings = read_settings(sys.argv[1:])
        if isinstance(settings, DevSettings):
            set_up_logging(settings.log_level)
            return uvloop.run(run_dev(settings))
        return run_lint(settings)
    except NiceError as error:
        print(f"error: {error}", file=sys.stderr)
        for problem in error.problems if isinstance(error, InvalidInput) else ():
            print(f"  {problem}", file=sys.stderr)
        return EX_REFUSED


if __name__ == "__main__":
    sys.exit(main())
