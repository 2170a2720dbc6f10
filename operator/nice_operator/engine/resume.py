"""A worker that comes back: what it says it holds beside what the store says it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nice_operator.domain.ids import OutcomeId, SessionId, uuid7
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.run import Outcome, RunState
from nice_operator.engine import wire
from nice_operator.ports import Claimed, HeldRun
from nice_protocol.messages import Hello

FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``kept`` by both; ``discard``: only the worker knows them, so they are no longer its own;
    ``never_arrived``: claimed for it, but the assignment was lost; ``forgotten``: started, and it knows
    nothing of them any more."""

    kept: tuple[Claimed, ...]
    discard: tuple[HeldRun, ...]
    never_arrived: tuple[HeldRun, ...]
    forgotten: tuple[Claimed, ...]


def compare(hello: Hello, session: SessionId, stored: Sequence[Claimed]) -> Comparison:
    """A finished run that the store does not know as held is not discarded: its report is settled, and
    kept as evidence if it comes too late."""
    known = {wire.held(ref, session): ref.phase for ref in hello.resume}
    ours = {HeldRun(c.run.id, c.run.epoch, session): c for c in stored}
    missing = {held: claimed for held, claimed in ours.items() if held not in known}
    return Comparison(
        kept=tuple(claimed for held, claimed in ours.items() if held in known),
        discard=tuple(held for held, phase in known.items() if held not in ours and phase != FINISHED),
        never_arrived=tuple(held for held, c in missing.items() if c.run.state is RunState.CLAIMED),
        forgotten=tuple(c for c in missing.values() if c.run.state is RunState.RUNNING),
    )


def forgotten_outcome(worker: str) -> Outcome:
    """How a run ended that its worker forgot."""
    reason = Reason.FORGOTTEN
    return Outcome(OutcomeId(uuid7()), RunState.LOST, reason, sentence(reason, worker=worker))
