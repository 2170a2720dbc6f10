"""The table for people and the file for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure

HEADER = "| what | measured | aim | against the aim | remark |\n|---|---:|---:|---:|---|"


def table(figures: Sequence[Figure], machine: str) -> str:
    """Markdown, with the machine below it."""
    return "\n".join([HEADER, *map(_row, figures), "", f"Medians of repetitions. Machine: {machine}."])


def write(path: Path, figures: Sequence[Figure], machine: str) -> None:
    """The same as JSON, with every repetition."""
    document = {
        "machine": machine,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": [{**asdict(figure), "value": figure.value, "ratio": figure.ratio} for figure in figures],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _row(figure: Figure) -> str:
    sign = "≥" if figure.more_is_better else "≤"
    aim = "" if figure.aim is None else f"{sign} {_number(figure.aim)} {figure.unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.1f} × {'✓' if figure.ratio >= 1 else '✗'}"
    return f"| {figure.name} | {_number(figure.value)} {figure.unit} | {aim} | {ratio} | {figure.remark} |"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
