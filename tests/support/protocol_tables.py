"""The protocol's two tables as Markdown, for docs/protocol.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nice_protocol.errors import Code
from nice_protocol.rules import PHASE_RULES, RUN_RULES, Phase, RunPhase


def phase_table() -> str:
    """Messages × phases of the connection."""
    return _table(PHASE_RULES, list(Phase))


def run_table() -> str:
    """Messages × phases of the run they name."""
    return _table(RUN_RULES, list(RunPhase))


def _table(rules: Mapping[str, Mapping[object, object]], columns: list[object]) -> str:
    rows = [["message", *(str(column) for column in columns)], ["---"] * (len(columns) + 1)]
    for message, cells in rules.items():
        rows.append([f"`{message}`", *(_cell(cells[column], column) for column in columns)])
    return "\n".join(_line(row) for row in rows)


def _cell(cell: object, column: object) -> str:
    if isinstance(cell, Code):
        return f"✗ `{cell.value}`"
    return "✓" if cell is column else f"→ {cell}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
