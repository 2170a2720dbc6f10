"""Every cell of the protocol's two tables, on both sides, and the document that shows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nice_protocol.errors import Code, ProtocolError
from nice_protocol.messages import ResumedRun
from nice_protocol.rules import PHASE_RULES, RUN_RULES, Phase, RunPhase
from nice_protocol.session import OperatorSession, Session, WorkerSession
from tests.support.protocol_messages import FROM_WORKER, RUN, message_of
from tests.support.protocol_tables import phase_table, run_table

HELLO = message_of("hello")
DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"

TO_PHASE: dict[Phase, list[str]] = {
    Phase.NEW: [],
    Phase.GREETING: ["hello"],
    Phase.OPEN: ["hello", "welcome"],
    Phase.DRAINING: ["hello", "welcome", "draining"],
    Phase.CLOSED: ["hello", "welcome"],
}
TO_RUN_PHASE: dict[RunPhase, list[str]] = {
    RunPhase.UNKNOWN: ["hello", "welcome", "credit"],
    RunPhase.ASSIGNED: ["hello", "welcome", "credit", "assign"],
    RunPhase.STARTING: ["hello", "welcome", "credit", "assign", "start"],
    RunPhase.RUNNING: ["hello", "welcome", "credit", "assign", "start", "started"],
    RunPhase.FINISHED: ["hello", "welcome", "credit", "assign", "start", "started", "finish"],
}


def say(session: Session, name: str) -> None:
    """Pass a message in the direction that it has on this side."""
    message: Any = message_of(name)
    outgoing = (name in FROM_WORKER) == isinstance(session, WorkerSession)
    (session.send if outgoing else session.receive)(message)  # type: ignore[attr-defined]


def session_after(kind: type[Session], names: list[str]) -> Session:
    session = kind()
    for name in names:
        say(session, name)
    return session


SIDES = pytest.mark.parametrize("side", [OperatorSession, WorkerSession])


@SIDES
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("name", PHASE_RULES)
def test_each_message_does_in_each_phase_what_the_table_says(
    side: type[Session], name: str, phase: Phase
) -> None:
    prepared = [*TO_PHASE[phase], "credit"] if phase is Phase.OPEN else TO_PHASE[phase]
    session = session_after(side, prepared)
    if phase is Phase.CLOSED:
        session.close()
    expected = PHASE_RULES[name][phase]
    if isinstance(expected, Code):
        refused_without_a_change(session, name, expected)
    elif name == "assign" and side is OperatorSession and phase is Phase.DRAINING:
        refused_without_a_change(session, name, Code.OVER_CREDIT)
    else:
        say(session, name)
        assert session.phase is expected


@SIDES
@pytest.mark.parametrize("phase", RunPhase)
@pytest.mark.parametrize("name", RUN_RULES)
def test_each_message_does_to_a_run_in_each_phase_what_the_table_says(
    side: type[Session], name: str, phase: RunPhase
) -> None:
    session = session_after(side, [*TO_RUN_PHASE[phase], "credit"])
    expected = RUN_RULES[name][phase]
    if isinstance(expected, Code):
        refused_without_a_change(session, name, expected)
    else:
        say(session, name)
        assert session.phase_of(RUN, 1) is expected


def refused_without_a_change(session: Session, name: str, code: Code) -> None:
    before = (session.phase, session.credit, dict(session.runs))
    with pytest.raises(ProtocolError) as refusal:
        say(session, name)
    assert refusal.value.code is code
    assert refusal.value.about == name
    assert (session.phase, session.credit, dict(session.runs)) == before


def test_the_tables_know_every_message() -> None:
    from nice_protocol.codec import OPERATOR_TYPES, WORKER_TYPES

    kinds = {**WORKER_TYPES, **OPERATOR_TYPES}
    assert set(PHASE_RULES) == set(kinds)
    named = {name for name, kind in kinds.items() if "run" in kind.__annotations__}
    assert set(RUN_RULES) == named


@pytest.mark.parametrize("table", [phase_table, run_table])
def test_the_document_shows_the_tables_as_they_are(table: Any) -> None:
    assert table() in DOCUMENT.read_text()


def test_the_document_names_every_code() -> None:
    text = DOCUMENT.read_text()
    assert [code for code in Code if f"`{code}`" not in text] == []


@pytest.mark.parametrize(("slots", "read_as"), [(0, 1), (-1, 1), (10**9, 1024), (7, 7)])
def test_impossible_numbers_of_slots_are_read_as_the_nearest_possible(slots: int, read_as: int) -> None:
    session = OperatorSession()
    session.receive(replace(HELLO, slots=slots))
    assert session.slots == read_as


def test_more_credit_than_slots_is_cut() -> None:
    session = session_after(OperatorSession, ["hello", "welcome"])
    session.receive(replace(message_of("credit"), add=10**9))
    assert session.credit == HELLO.slots


def test_a_worker_that_is_asked_to_drain_is_given_nothing_more() -> None:
    session = session_after(OperatorSession, ["hello", "welcome", "credit", "drain"])
    with pytest.raises(ProtocolError) as refusal:
        say(session, "assign")
    assert refusal.value.code is Code.OVER_CREDIT


def test_an_assignment_that_crossed_the_draining_is_let_pass_to_be_released() -> None:
    session = session_after(WorkerSession, ["hello", "welcome", "credit", "draining", "assign", "release"])
    assert not session.runs


def test_an_operator_that_assigns_without_credit_is_refused_by_the_worker() -> None:
    session = session_after(WorkerSession, ["hello", "welcome"])
    refused_without_a_change(session, "assign", Code.OVER_CREDIT)


@pytest.mark.parametrize(
    ("phase", "then"), [("assigned", "start"), ("running", "finish"), ("finished", "finish")]
)
def test_a_resumed_run_goes_on_where_it_was(phase: str, then: str) -> None:
    session = OperatorSession()
    session.receive(replace(HELLO, resume=[ResumedRun(RUN, 1, phase)]))
    say(session, "welcome")
    say(session, then)
    assert RUN in session.runs


def test_a_newer_epoch_of_a_held_run_is_another_run() -> None:
    session = session_after(OperatorSession, TO_RUN_PHASE[RunPhase.RUNNING])
    say(session, "credit")
    session.send(replace(message_of("assign"), epoch=2))
    assert session.phase_of(RUN, 2) is RunPhase.ASSIGNED
    assert session.phase_of(RUN, 1) is RunPhase.UNKNOWN


def test_runs_that_the_operator_calls_lost_are_forgotten_by_both() -> None:
    for side in (OperatorSession, WorkerSession):
        session = session_after(side, [*TO_RUN_PHASE[RunPhase.RUNNING], "heartbeat_ack"])
        assert not session.runs
