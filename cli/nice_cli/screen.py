"""Where log lines go: a run's standard output to ours, everything else to our standard error."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

from nice_cli.text import terminal_log


@dataclass(slots=True)
class Screen:
    """Writes log lines as they are; a terminal gets their colours, but no other escape sequence.

    ``aside``: all to standard error, where standard output is kept for the result.
    """

    aside: bool = False
    _unfinished: list[TextIO] = field(default_factory=list)

    def write(self, stream: str, text: str) -> None:
        """Some lines of a run's ``stream``."""
        target = sys.stdout if stream == "stdout" and not self.aside else sys.stderr
        target.write(terminal_log(text) if target.isatty() else text)
        target.flush()
        self._unfinished = [other for other in self._unfinished if other is not target]
        if not text.endswith("\n"):
            self._unfinished.append(target)

    def finish_lines(self) -> None:
        """What comes next begins a line of its own, though the log did not end its last one."""
        for target in self._unfinished:
            target.write("\n")
            target.flush()
        self._unfinished.clear()

    def finish_shown_lines(self) -> None:
        """The same on terminals alone, so that a file has the log byte for byte."""
        self._unfinished = [target for target in self._unfinished if target.isatty()]
        self.finish_lines()
