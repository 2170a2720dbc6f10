"""Where log lines go: a run's standard output to ours, everything else to our standard error."""

from __future__ import annotations

import sys
from typing import TextIO

from nice_cli.text import terminal_log


def write_log(stream: str, text: str) -> None:
    """Write log lines as they are; a terminal gets their colours, but no other escape sequence."""
    _write(sys.stdout if stream == "stdout" else sys.stderr, text)


def write_log_aside(stream: str, text: str) -> None:
    """All to standard error, where standard output is kept for the result."""
    _write(sys.stderr, text)


def _write(target: TextIO, text: str) -> None:
    target.write(terminal_log(text) if target.isatty() else text)
    target.flush()
