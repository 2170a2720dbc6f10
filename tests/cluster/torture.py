"""Bring-ups killed at random moments, each followed by one that must succeed: proof that nothing is left."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import suppress

from tests.cluster import census, native, remains
from tests.cluster.places import ROOT, Places
from tests.cluster.problem import Problem, say

NODES = "2"


def run(places: Places, times: int, seed: int) -> int:
    """Say what each trial found. Raises ``Problem`` when a bring-up fails or leaves anything in the end."""
    native.down(places)
    before = census.take(places)
    say(f"seed {seed}; before: {census.counts(before)}")
    whole = _up(places)
    say(f"a whole bring-up takes {whole:.1f} s and makes {census.counts(census.take(places))}")
    native.down(places)
    chance = random.Random(seed)
    for number in range(1, times + 1):
        _trial(places, f"{number} of {times}", _killed_after(places, chance, whole), before)
    say(f"after: {census.counts(census.take(places))}; {times} of {times} came up again and left nothing")
    return 0


def _killed_after(places: Places, chance: random.Random, whole: float) -> float:
    """Kill a bring-up in the middle; one that was quicker than the moment chosen for it does not count."""
    while True:
        after = chance.uniform(0, whole)
        with _bring_up(places) as process:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=after)
            process.kill()
        if not places.complete.exists():
            return after
        native.down(places)
        whole = after


def _trial(places: Places, number: str, after: float, before: census.Census) -> None:
    left, found = census.take(places), remains.found(places)
    again = _up(places)
    native.down(places)
    cleared = f"{len(left['processes'])} processes, {len(left['control groups'])} control groups"
    said = (
        f"{number}: killed after {after:.2f} s, leaving {len(found)} things ({cleared}); up in {again:.1f} s"
    )
    if differences := census.differences(before, census.take(places)):
        raise Problem(f"{said}; left behind: {'; '.join(differences[:20])}")
    say(said)


def _up(places: Places) -> float:
    started = time.monotonic()
    with _bring_up(places) as process:
        said = process.communicate()[1]
    if process.returncode != 0:
        raise Problem(f"the bring-up of {places.name} failed ({process.returncode}): {said.decode().strip()}")
    return time.monotonic() - started


def _bring_up(places: Places) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.cluster", "--name", places.name, "up", "--nodes", NODES]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
