"""The errors that a caller can act on; every door (HTTP, WebSocket, CLI) translates these and no other.

NiceError
├── InvalidInput      400  what was sent cannot be accepted as it is
├── Unauthenticated   401  nobody knows who the caller is
├── Forbidden         403  the caller may not do this
├── NotFound          404  no such task or run
├── Conflict          409  the present state forbids it; names the run in the way
│   └── TaskChanged   409  the task is not any more what the caller knew; look again
├── KeyReused         422  an Idempotency-Key came back with a different body
├── TooMany           429  a limit is reached; says when to try again
└── Unavailable       503  a part we need does not answer; trying again is right
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    ``field`` is a path such as ``spec.retry.maxAttempts`` (empty: the whole), ``message`` names what
    was expected, what was found and the remedy. ``line`` counts from 1 where the input was a file.
    """

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.field}: {self.message}" if self.field else f"{place}{self.message}"


class NiceError(Exception):
    """Whatever this product refuses on purpose. ``str()`` is a sentence for a person."""


class InvalidInput(NiceError):
    """The input is wrong; ``problems`` lists every finding, not only the first."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Unauthenticated(NiceError):
    """The caller did not say who it is, or could not prove it."""


class Forbidden(NiceError):
    """The caller may not do this."""


class NotFound(NiceError):
    """There is no such thing; ``nearest`` offers names that exist."""

    def __init__(self, message: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.nearest = nearest


class Conflict(NiceError):
    """The present state forbids it. ``run`` is the run in the way, ``state`` its state, if there is one."""

    def __init__(self, message: str, run: UUID | None = None, state: str | None = None) -> None:
        super().__init__(message)
        self.run = run
        self.state = state


class TaskChanged(Conflict):
    """The task was deleted, or has another version than the one that the request was made for."""


class KeyReused(NiceError):
    """An Idempotency-Key was used before with another body."""


class TooMany(NiceError):
    """A limit is reached; ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(NiceError):
    """A part that we need does not answer now; the same request may succeed later."""
