"""Exit codes. The fate of a run and the failure of this program are told apart."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a script can rely on; ``EXIT_CODES_HELP`` says the same to people."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    SERVER = 3
    NOT_FOUND = 4
    CONFLICT = 5
    TIMED_OUT = 124
    INTERRUPTED = 130


FATES = {"succeeded": Exit.OK, "timed_out": Exit.TIMED_OUT}


def fate(state: str) -> Exit:
    """The exit code for a run that ended in ``state``."""
    return FATES.get(state, Exit.RUN_FAILED)


EXIT_CODES_HELP = """\b
Exit codes:
  0    done; with --wait or --follow: the run succeeded
  1    the run failed, was lost, cancelled or skipped; of doctor: something fails
  2    wrong arguments, or a payload that the task does not take
  3    the server does not answer, or refuses the request
  4    there is no such task or run
  5    the present state forbids it (another run is in the way, the run has ended)
  124  the run timed out
  130  interrupted with Ctrl-C (a run that was followed goes on)
"""
