"""``python -m nice_operator``: arguments → bootstrap → exit code."""

from __future__ import annotations

import sys

import uvloop

from nice_operator.domain.errors import InvalidInput, NiceError
from nice_operator.settings import ClusterSettings, DevSettings, FillSettings, Settings, read_settings

EX_REFUSED = 2


def main() -> int:
    """Returns the exit code: 0 stopped in order, 1 lint found problems or another operator came, 2 could not
    start."""
    try:
        return _run(read_settings(sys.argv[1:]))
    except NiceError as error:
        print(f"error: {error}", file=sys.stderr)
        for problem in error.problems if isinstance(error, InvalidInput) else ():
            print(f"  {problem}", file=sys.stderr)
        return EX_REFUSED


def _run(settings: Settings) -> int:
    """Each command imports its own side alone: a folder needs no kopf, a cluster no file watcher."""
    match settings:
        case DevSettings():
            from nice_operator.bootstrap.console import set_up_logging
            from nice_operator.bootstrap.dev import run_dev

            set_up_logging(settings.log_level)
            return uvloop.run(run_dev(settings))
        case ClusterSettings():
            from nice_operator.bootstrap.cluster import run_cluster
            from nice_operator.bootstrap.json_log import log_as_json

            log_as_json(settings.log_level)
            return uvloop.run(run_cluster(settings))
        case FillSettings():
            from nice_operator.bootstrap.fill import run_fill

            return uvloop.run(run_fill(settings))
        case _:
            from nice_operator.bootstrap.linting import run_lint

            return run_lint(settings)


if __name__ == "__main__":
    sys.exit(main())
