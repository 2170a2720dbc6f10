"""docs/run-lifecycle.md says what the code says."""

from __future__ import annotations

from nice_operator.domain.run import FINAL_STATES, TRANSITIONS, RunState
from tools.render_lifecycle import DOCUMENT, replace


def test_the_document_is_rendered_from_the_transition_table() -> None:
    document = DOCUMENT.read_text()

    assert document == replace(document), "run: python tools/render_lifecycle.py"


def test_every_state_can_be_reached_and_only_final_ones_cannot_be_left() -> None:
    reached = {target for edge in TRANSITIONS for target in edge.target}
    left = {source for edge in TRANSITIONS for source in edge.source}

    assert reached == set(RunState)
    assert left == set(RunState) - FINAL_STATES
