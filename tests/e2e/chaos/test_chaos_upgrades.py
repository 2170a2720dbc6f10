"""Operators and workers are replaced, or taken away and brought back, while all goes on (F28, F47, F51)."""

from __future__ import annotations

import time

import pytest

from tests.support.release import CHART, NAME, until
from tests.support.stage.stage import OPERATOR, Stage, stage_values
from tests.support.stage.trial import trial

pytestmark = pytest.mark.timeout(900)

AWAY = 40.0


def test_a_rolling_upgrade_of_operators_and_workers_loses_nothing(stage: Stage) -> None:
    with trial(stage, "rolling upgrade") as current:
        values = dict(stage_values(stage.images))
        changed = {"changed": str(time.time())}
        pool = values["defaultPool"]
        values["podAnnotations"] = changed
        values["defaultPool"] = {
            **pool, "template": {**pool["template"], "metadata": {"annotations": changed}}
        }  # fmt: skip
        stage.release.helm("upgrade", NAME, str(CHART), values=values)
        stage.release.ready(300)
        stage.healthy(300)
        current.say(f"fires go on after {stage.goes_on():.1f} s")

    assert current.counts["lost"] == 0


def test_operators_that_were_all_gone_make_up_for_it(stage: Stage) -> None:
    """Workers keep what they have in hand, and its results."""
    with trial(stage, "scaled to zero and back") as current:
        scale = ("scale", f"deployment/{NAME}", "-n", stage.namespace)
        stage.kubectl(*scale, "--replicas=0")
        until(lambda: not stage.pods(OPERATOR) or None, "no operator is left", 120)
        gone = time.monotonic()
        until(lambda: time.monotonic() > gone + AWAY or None, "a while has passed", AWAY + 10)
        stage.kubectl(*scale, "--replicas=2")
        current.say(f"fires go on after {stage.goes_on(180):.1f} s")

    assert current.counts["missed"] > 0
