"""What gathers while a transaction commits: writes that share the next one.

Writes of one kind may be decided together, with a statement for all of them instead of some for each.
That only ever saves work: whatever a kind does not decide, and every member of a group that failed, is
done by the member's own operation.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nice_operator.domain.errors import NiceError
from nice_operator.store.tx import Tx

T = TypeVar("T")
I_contra = TypeVar("I_contra", contravariant=True)

Together = Callable[[Tx, Sequence[I_contra]], Mapping[int, T]]
"""Decides what it can of many writes of one kind; answers by position. Writes nothing for the others."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How a write may be decided with others of its kind: the same ``together``, each its own ``item``."""

    together: Together[Any, T]
    item: Any


@dataclass(slots=True)
class Member(Generic[T]):
    """One write, and who waits for it."""

    operation: Callable[[Tx], T]
    future: asyncio.Future[T]
    kind: Kind[T] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one member: a value, or the error that its caller shall see."""

    value: Any = None
    error: BaseException | None = None


class Spoiled(Exception):
    """A member refused after it had written: its writes must not be committed with the others'."""


def apply(tx: Tx, group: Sequence[Member[Any]]) -> Sequence[Result]:
    """All of them: together what can be, then the others in the order in which they came."""
    answers = _decide_together(tx, group)
    alone = (apply_alone(tx, member) for place, member in enumerate(group) if place not in answers)
    return [answers[place] if place in answers else next(alone) for place in range(len(group))]


def settle(future: asyncio.Future[Any], result: Result) -> None:
    """Tell whoever waits, unless they have gone."""
    if future.done():
        return
    if result.error is not None:
        future.set_exception(result.error)
    else:
        future.set_result(result.value)


def _decide_together(tx: Tx, group: Sequence[Member[Any]]) -> dict[int, Result]:
    kinds: dict[Together[Any, Any], list[int]] = defaultdict(list)
    for place, member in enumerate(group):
        if member.kind is not None:
            kinds[member.kind.together].append(place)
    answers: dict[int, Result] = {}
    for together, places in kinds.items():
        items = [member.kind.item for member in (group[place] for place in places) if member.kind]
        for position, value in together(tx, items).items():
            answers[places[position]] = Result(value)
    return answers


def apply_alone(tx: Tx, member: Member[Any]) -> Result:
    before = tx.writes
    try:
        return Result(member.operation(tx))
    except NiceError as refusal:
        if tx.writes != before:
            raise Spoiled from refusal
        return Result(error=refusal)
