"""Runners forked ahead: an assignment finds one waiting at its gate, and pays neither the fork nor its
preparation.

A spare is a run's process in every respect, with a keeper, a session and a domain of its own; only what it
will execute is not known yet. It executes one attempt, as any other.
"""

from __future__ import annotations

import asyncio

from nice_runner.process.run import RunProcess
from nice_runner.process.zygote import Zygote

REFILL_SECONDS = 0.02
"""How long after one was taken another is made: the run that took it shall begin first."""


class Spares:
    """Keeps ``count`` of them for as long as there is a zygote; those of an earlier zygote are not used,
    since it may have preloaded other things."""

    def __init__(self, zygote: Zygote, count: int) -> None:
        self._zygote = zygote
        self._count = count
        self._waiting: list[RunProcess] = []
        self._refill: asyncio.TimerHandle | None = None

    def take(self) -> RunProcess:
        """The oldest of them, or a process that is forked now."""
        self._refill_later()
        while self._waiting:
            spare = self._waiting.pop(0)
            if not spare.gone:
                return spare
        return RunProcess(self._zygote)

    def renew(self) -> None:
        """The zygote is another one, or gone."""
        self._dismiss_all()
        self._refill_later()

    def close(self) -> None:
        """No more are needed."""
        self._count = 0
        self._dismiss_all()

    def _dismiss_all(self) -> None:
        for spare in self._waiting:
            spare.dismiss()
        self._waiting.clear()

    def _refill_later(self) -> None:
        if self._refill is None and self._count:
            self._refill = asyncio.get_running_loop().call_later(REFILL_SECONDS, self._fill)

    def _fill(self) -> None:
        self._refill = None
        self._waiting = [spare for spare in self._waiting if not spare.gone]
        while self._zygote.present and len(self._waiting) < self._count:
            self._waiting.append(RunProcess(self._zygote))
