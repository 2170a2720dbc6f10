"""When CloudWatch may be asked again. One for all logs of a worker: they share its network and its rights."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from nice_runner.logs.cloudwatch.trouble import Denied, Trouble

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
HURRIED_PAUSE = 1.0
"""The longest one when the worker leaves, in seconds."""

DENIED_SECONDS = 120.0
"""How long logs that have ended wait for somebody to give the rights that are missing."""


class Pace:
    """Pauses that double, each a random part of its length, and one question at a time until one succeeds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.hurried = False
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._since = 0.0
        self._denied_since: float | None = None

    @property
    def careful(self) -> bool:
        """Whether the last answer was a bad one."""
        return self._failures > 0

    @property
    def hopeless(self) -> bool:
        """Whether it has refused us for so long that nobody seems to mind."""
        return self._denied_since is not None and self._clock() - self._denied_since >= DENIED_SECONDS

    def wait(self) -> float:
        """Seconds until the next question."""
        return max(0.0, self._until - self._clock())

    def hurry(self) -> None:
        """The worker leaves soon."""
        self.hurried = True
        self._until = min(self._until, self._clock())

    def fine(self) -> None:
        """It took something."""
        if self._failures:
            logger.info("CloudWatch takes logs again, after %.0f s", self._clock() - self._since)
        self._failures, self._until, self._denied_since = 0, 0.0, None

    def failed(self, trouble: Trouble) -> None:
        """It did not."""
        now = self._clock()
        denied = isinstance(trouble, Denied)
        self._denied_since = (self._denied_since or now) if denied else None
        if not self._failures:
            self._since = now
            words = "refuses our logs" if denied else "does not take logs"
            logger.log(
                logging.ERROR if denied else logging.WARNING,
                "CloudWatch %s; they are kept on disk meanwhile, trying on: %s",
                *(words, trouble),
            )
        if now < self._until:
            return  # one of several that were asked together
        longest = HURRIED_PAUSE if self.hurried else LONGEST_PAUSE
        pause = min(longest, FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._until = now + pause * random.uniform(0.5, 1)  # noqa: S311
