"""What kstatus itself (Flux) and Argo CD's own interpreter conclude from each state that we can write."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.binaries import VERDICTS, build_missing, program
from tests.support.states import pool_states, task_states

CUSTOMIZATIONS = (
    Path(__file__).resolve().parents[2] / "deploy/gitops/argocd/resource_customizations/nicecommander.dev"
)
STATES = [*task_states(), *pool_states()]


def ask(*documents: dict[str, Any]) -> list[dict[str, str]]:
    """Their verdicts on these objects."""
    build_missing((VERDICTS,))
    kinds = {document["kind"] for document in documents}
    scripts = {kind: (CUSTOMIZATIONS / kind / "health.lua").read_text() for kind in kinds}
    asked = json.dumps({"scripts": scripts, "objects": documents})
    done = subprocess.run([program("verdicts")], input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_every_state_is_judged_as_the_documents_say() -> None:
    verdicts = ask(*(state.document for state in STATES))
    judged = [
        (state.name, each["kstatus"], each["health"]) for state, each in zip(STATES, verdicts, strict=True)
    ]
    assert judged == [(state.name, state.kstatus, state.health) for state in STATES]
    assert all(each["message"] for each in verdicts)


@pytest.mark.parametrize("guard", ["observedGeneration", "conditions"])
def test_without_what_they_look_at_they_would_be_wrong(guard: str) -> None:
    """The verdicts come from our status, and not from what is said of any object."""
    (stalled,) = [state for state in STATES if state.name.startswith("stalled, never valid, None False")]
    blind = json.loads(json.dumps(stalled.document))
    del blind["status"][guard]
    (verdict,) = ask(blind)
    assert (verdict["kstatus"], verdict["health"]) != (stalled.kstatus, stalled.health)
