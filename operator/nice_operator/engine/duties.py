"""Keeping one duty of the leading replica going for the length of a term."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from nice_operator.domain.errors import Unavailable
from nice_operator.engine.loops import FIRST_PAUSE, LONGEST_PAUSE, Health
from nice_operator.ports import Clock, Duty, Term

_log = logging.getLogger(__name__)

GOOD_SPELL = 60.0
"""Seconds after which a duty that fails counts as having gone well until then."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    last_error: str = ""
    changed_at: float = 0.0


class Performance:
    """One duty: begun with each term, ended with it, begun again when it fails."""

    def __init__(self, duty: Duty, clock: Clock) -> None:
        self._duty = duty
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._state = _State()

    @property
    def name(self) -> str:
        """The duty's."""
        return self._duty.name

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What works on it, until that has ended."""
        return None if self._task is None or self._task.done() else self._task

    def begin(self, term: Term) -> None:
        """Work for this term."""
        self._state = _State(changed_at=self._clock.monotonic())
        self._task = asyncio.create_task(self._perform(term), name=self._duty.name)

    def health(self) -> Health:
        """How it goes; not running where this replica does not lead."""
        state = self._state
        silent = self._clock.monotonic() - state.changed_at if state.changed_at else 0.0
        return Health(self.name, self.task is not None, state.failures, state.last_error, max(0.0, silent))

    async def _perform(self, term: Term) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                await self._duty.lead(term)
            except Exception as error:
                self._note(error, began)
            await self._clock.sleep(min(FIRST_PAUSE * 2 ** min(self._state.failures, 10), LONGEST_PAUSE))

    def _note(self, error: Exception, began: float) -> None:
        state, now = self._state, self._clock.monotonic()
        state.failures = 1 if now - began > GOOD_SPELL else state.failures + 1
        state.last_error = str(error) or type(error).__name__
        state.changed_at = now
        if isinstance(error, Unavailable):
            _log.warning("%s waits: %s", self.name, error)
        else:
            _log.error("%s failed and starts again", self.name, exc_info=error)
