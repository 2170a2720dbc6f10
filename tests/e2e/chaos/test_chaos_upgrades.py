"""Operators and workers are replaced, or taken away and brought back, while all goes on (F28, F47, F51)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nice_operator.domain.run import RunState
from tests.support.release import CHART, NAME, python_task, until
from tests.support.stage.effects import SOURCE
from tests.support.stage.stage import OPERATOR, WORKER, Stage, stage_values
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(1200)

AWAY = 40.0
IN_FLIGHT = 100
LASTS = 90.0
"""Seconds that each of them works: from before the upgrade until the last operator is replaced."""
GRACE = 180
"""Seconds that a worker has to end what it runs."""
HUNDRED = "hundred"


def wide(stage: Stage, **annotations: str) -> Mapping[str, Any]:
    """Values with room for a hundred runs at a time, and with the time to end them."""
    values = dict(stage_values(stage.images))
    pool = values["defaultPool"]
    spec = {**pool["template"]["spec"], "terminationGracePeriodSeconds": GRACE}
    spec["containers"] = [{**each, "resources": {}} for each in spec["containers"]]
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    return {
        **values,
        "podAnnotations": annotations,
        "defaultPool": {**pool, "slots": 64, "template": template},
    }


def rolled(stage: Stage, values: Mapping[str, Any], *labels: str) -> None:
    """Upgrade, and wait until no pod with one of these labels is left of the earlier release."""
    earlier = {pod.name for label in labels for pod in stage.pods(label)}
    stage.release.helm("upgrade", NAME, str(CHART), values=values)
    stage.release.ready(300)
    until(lambda: not earlier & names(stage) or None, "all of the earlier pods are gone", 300)
    stage.healthy(300)


def names(stage: Stage) -> set[str]:
    """Also of those on their way out."""
    items = stage.kubectl.get("pods", "-n", stage.namespace)["items"]
    return {item["metadata"]["name"] for item in items}


@pytest.fixture
def wide_stage(stage: Stage) -> Iterator[Stage]:
    stage.healthy()
    rolled(stage, wide(stage, changed=f"before {time.time()}"), OPERATOR, WORKER)
    yield stage
    stage.release.helm("upgrade", NAME, str(CHART), values=stage_values(stage.images))
    stage.release.ready(300)
    stage.healthy(300)


def test_an_upgrade_of_operators_and_workers_with_a_hundred_runs_in_flight(wide_stage: Stage) -> None:
    stage = wide_stage
    with trial(stage, "rolling upgrade") as current:
        ask_for_a_hundred(stage)
        began = time.monotonic()
        rolled(stage, wide(stage, changed=str(time.time())), OPERATOR, WORKER)
        current.say(f"every operator and worker is replaced after {time.monotonic() - began:.1f} s")
        until(lambda: in_flight(stage) == 0 or None, "all hundred have ended", 300)
        stage.goes_on()

    assert ends_of_the_hundred(current) == {(RunState.SUCCEEDED, 1): IN_FLIGHT}


def ask_for_a_hundred(stage: Stage) -> None:
    """And wait until all of them run."""
    payload = {"task": HUNDRED, "seconds": LASTS}
    keep = {"succeeded": {"count": 1000}, "failed": {"count": 1000}}
    task = python_task(
        HUNDRED, SOURCE, onLost="Fail", timeoutAfter="5 minutes", payload=payload, history=keep
    )
    task["metadata"]["namespace"] = stage.namespace
    stage.kubectl.apply(task)
    ready = ("wait", "--for=condition=Ready", f"nicetask/{HUNDRED}", "-n", stage.namespace, "--timeout=60s")
    stage.kubectl(*ready, seconds=90)
    path = f"/api/v1/tasks/{stage.namespace}/{HUNDRED}/runs"
    with ThreadPoolExecutor(10) as askers:
        list(askers.map(lambda _: stage.insist("POST", path, {}), range(IN_FLIGHT)))
    until(lambda: in_flight(stage) == IN_FLIGHT or None, "a hundred runs are under way", LASTS - 10)


def in_flight(stage: Stage) -> int:
    query = (
        "SELECT COUNT(*) FROM runs r JOIN tasks t ON t.id = r.task_id "
        f"WHERE r.state = 'running' AND t.living = 1 AND t.name = '{HUNDRED}'"
    )
    return int(stage.rows(query)[0][0])


def ends_of_the_hundred(current: Trial) -> Counter[tuple[str, int]]:
    """By state and by how often they were executed, as they told it themselves."""
    effects = current.stage.effects
    runs = current.runs_of(HUNDRED)
    return Counter((run.state, len(effects.of(str(run.id)))) for run in runs)


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
