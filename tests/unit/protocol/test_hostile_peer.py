"""A session and a codec whose peer sends anything: each message passes, or is refused and changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nice_protocol.codec import Codec
from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import MAX_CONTAINERS, MAX_SLOTS, MAX_VALUES
from nice_protocol.messages import Assign, Credit, Hello
from nice_protocol.rules import Phase, RunPhase
from nice_protocol.session import OperatorSession
from nice_protocol.structure import is_excessive
from tests.support.protocol_messages import FROM_WORKER, message_of

RUNS = [f"01890a5d-ac96-774b-bcce-b302099a80{number:02x}" for number in range(3)]
CODEC = Codec(json.dumps, json.loads)


def read(text: str | bytes) -> str:
    """The type of a message, or the code of its refusal. Nothing else may happen."""
    try:
        return CODEC.from_worker(text).type
    except ProtocolError as refusal:
        return refusal.code


def snapshot(session: OperatorSession) -> Any:
    return (session.phase, session.slots, session.credit, session.drain_asked, dict(session.runs))


class HostileWorker(RuleBasedStateMachine):
    """A worker that keeps to nothing, and an operator that assigns whenever it may."""

    @initialize()
    def begin(self) -> None:
        self.session = OperatorSession()
        self.wanted = self.assigned = 0

    @rule(
        kind=st.sampled_from(sorted(FROM_WORKER)),
        run=st.sampled_from(RUNS),
        epoch=st.integers(0, 3),
        slots=st.integers(-5, 5000),
        add=st.integers(1, 5000),
    )
    def says(self, kind: str, run: str, epoch: int, slots: int, add: int) -> None:
        message = message_of(kind)
        if isinstance(message, Hello):
            message = replace(message, slots=slots, resume=[])
        elif isinstance(message, Credit):
            message = replace(message, add=add)
        elif hasattr(message, "run"):
            message = replace(message, run=run, epoch=epoch)
        before = snapshot(self.session)
        try:
            self.session.receive(message)
        except ProtocolError:
            assert snapshot(self.session) == before
        else:
            self.wanted += message.add if isinstance(message, Credit) else 0

    @rule()
    def is_welcomed(self) -> None:
        if self.session.phase is Phase.GREETING:
            self.session.send(replace(message_of("welcome"), discard=[]))

    @rule(run=st.sampled_from(RUNS), epoch=st.integers(0, 3))
    def is_assigned(self, run: str, epoch: int) -> None:
        message = replace(message_of("assign"), run=run, epoch=epoch)
        assert isinstance(message, Assign)
        may = self.session.assignable > 0 and self.session.phase_of(run, epoch) is RunPhase.UNKNOWN
        before = snapshot(self.session)
        try:
            self.session.send(message)
        except ProtocolError:
            assert not may
            assert snapshot(self.session) == before
        else:
            assert may
            self.assigned += 1

    @rule()
    def is_asked_to_leave(self) -> None:
        if self.session.phase is Phase.OPEN:
            self.session.send(message_of("drain"))

    @invariant()
    def it_never_has_more_than_it_asked_for(self) -> None:
        if hasattr(self, "session"):
            assert 0 <= self.session.credit <= MAX_SLOTS
            assert self.assigned <= self.wanted


TestHostileWorker = HostileWorker.TestCase
TestHostileWorker.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, derandomize=True
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(FROM_WORKER)), st.data())
@settings(derandomize=True, deadline=None)
def test_a_message_with_any_field_replaced_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    document: dict[str, Any] = json.loads(CODEC.encode(message_of(kind)))
    for _ in range(data.draw(st.integers(1, 3))):
        document[data.draw(st.sampled_from(sorted(document)))] = data.draw(VALUES)
    assert read(json.dumps(document)) in FROM_WORKER | set(Code)


@given(st.text() | st.binary(max_size=50) | VALUES.map(json.dumps))
@settings(derandomize=True, deadline=None)
def test_any_text_is_a_message_or_a_protocol_error(text: str | bytes) -> None:
    assert read(text) in FROM_WORKER | set(Code)


def test_structure_inside_of_strings_is_no_structure() -> None:
    inside = '{"text":"' + '[{,:\\"\\\\' * MAX_VALUES + '"}'
    assert not is_excessive(inside)
    assert is_excessive(inside[:-2] + '","x":[' + "[]," * MAX_CONTAINERS + "1]}")


def test_a_string_that_ends_at_the_edge_of_a_slice_ends_there() -> None:
    for shift in range(4):
        text = '"' + "," * (256 * 1024 - 4 + shift) + '"' + ',"' + "," * MAX_VALUES + '"'
        assert not is_excessive(text), shift
