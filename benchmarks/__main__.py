"""``python -m benchmarks``: measure, print a table, and write it as JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import due_together, first_line, foreign_jobs, job_api, log_path, machine, report
from benchmarks.figures import Figure
from benchmarks.tasks import TASKS
from tests.support.product import Product

RESULTS = Path(__file__).with_name("results.json")
PARTS = ("jobs", "first-line", "schedule", "due", "api", "logs")


def main(arguments: list[str]) -> int:
    """Exit code 0 when everything could be measured, whether or not an aim was met, else 1."""
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=…", description="Measure the product on this machine."
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; repeatable")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where to write (default {RESULTS})")
    chosen = parser.parse_args(arguments)
    failed: list[str] = []
    figures = [figure for part in chosen.only or PARTS for figure in _told(part, failed)]
    here = machine.describe()
    print(report.table(figures, here))
    if not chosen.only or chosen.json != RESULTS:
        report.write(chosen.json, figures, here)
    return 1 if failed else 0


def _told(part: str, failed: list[str]) -> list[Figure]:
    """The figures of a part; one that cannot be measured is told, and the others go on."""
    print(f"measuring: {part} …", file=sys.stderr, flush=True)
    try:
        return _measure(part)
    except Exception:
        print(f"{part} could not be measured:", file=sys.stderr)
        traceback.print_exc()
        failed.append(part)
        return []


def _measure(part: str) -> list[Figure]:
    if part == "jobs":
        return foreign_jobs.measure()
    if part == "due":
        return due_together.measure()
    with _product() as (product, data, folder):
        if part == "first-line":
            return first_line.assignment(product, data)
        if part == "schedule":
            return first_line.planned_moment(product, data, folder)
        return job_api.measure(product) if part == "api" else log_path.measure(product)


@contextmanager
def _product() -> Iterator[tuple[Product, Path, Path]]:
    """A product of its own for each part, so that none inherits another's history."""
    with tempfile.TemporaryDirectory(prefix="nice-bench-") as temporary:
        folder, data = Path(temporary, "tasks"), Path(temporary, "data")
        folder.mkdir()
        (folder / "tasks.yaml").write_text(TASKS, encoding="utf-8")
        with Product(folder, data) as product:
            yield product, data, folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
