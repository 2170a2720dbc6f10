"""``python -m benchmarks.cluster``: measure on a native cluster, print a table."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Mapping

from benchmarks import machine, report
from benchmarks.cluster import crons, due, leadership, lines, many
from benchmarks.cluster.stage import Stage, opened, say
from benchmarks.figures import Figure

PARTS: Mapping[str, Callable[[Stage], list[Figure]]] = {
    "ready": lines.ready,
    "annotation": lines.annotation,
    "schedule": lines.planned,
    "leadership": leadership.measure,
    "cron": crons.measure,
    "due": due.measure,
    "many": many.measure,
    "applied": many.applied,
}


def main(arguments: list[str]) -> int:
    """Exit code 0 when everything could be measured, else 1."""
    parser = argparse.ArgumentParser(prog="make bench-cluster ARGS=…", description="Measure on a cluster.")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; repeatable")
    parser.add_argument("--name", default="bench", help="the native cluster's name (default bench)")
    parser.add_argument("--tasks", type=int, default=10_000, help="how many are many (default 10000)")
    parser.add_argument("--keep", action="store_true", help="leave the cluster, to use it again")
    chosen = parser.parse_args(arguments)
    failed: list[str] = []
    with opened(chosen.name, tasks=chosen.tasks, keep=chosen.keep) as stage:
        figures = [figure for part in chosen.only or PARTS for figure in _told(stage, part, failed)]
    print(report.table(figures, machine.describe()))
    return 1 if failed else 0


def _told(stage: Stage, part: str, failed: list[str]) -> list[Figure]:
    say(f"measuring: {part} …")
    try:
        return PARTS[part](stage)
    except (Exception, AssertionError):
        say(f"{part} could not be measured:")
        traceback.print_exc()
        failed.append(part)
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
