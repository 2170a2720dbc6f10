"""Render docs/run-lifecycle.md's diagram and table from the state machine in the code.

``python tools/render_lifecycle.py`` rewrites the part between the two markers; a test calls ``render``
and compares, so that the document cannot drift from the code.
"""

from __future__ import annotations

from pathlib import Path

from nice_operator.domain.run import FINAL_STATES, TRANSITIONS, RunState, Transition

DOCUMENT = Path(__file__).parent.parent / "docs" / "run-lifecycle.md"
BEGIN = "<!-- rendered by tools/render_lifecycle.py: begin -->"
END = "<!-- rendered by tools/render_lifecycle.py: end -->"


def render() -> str:
    """The diagram and the table, as Markdown."""
    return "\n".join([*_diagram(), "", *_table()])


def replace(document: str) -> str:
    """The document with its rendered part made new. Raises ValueError when a marker is missing."""
    head, _, rest = document.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise ValueError(f"{DOCUMENT}: expected the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{render()}\n{END}{tail}"


def _diagram() -> list[str]:
    edges: dict[tuple[str, str], list[str]] = {}
    for transition in TRANSITIONS:
        for source in sorted(transition.source) or ["[*]"]:
            for target in sorted(transition.target):
                edges.setdefault((source, target), []).append(transition.name)
    lines = [f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in edges.items()]
    ends = [f"    {state} --> [*]" for state in RunState if state in FINAL_STATES]
    return ["```mermaid", "stateDiagram-v2", *lines, *ends, "```"]


def _table() -> list[str]:
    return ["| transition | from | to | guard |", "|---|---|---|---|", *(_row(edge) for edge in TRANSITIONS)]


def _row(edge: Transition) -> str:
    source = ", ".join(sorted(edge.source)) or "–"
    return f"| {edge.name} | {source} | {', '.join(sorted(edge.target))} | {edge.guard} |"


if __name__ == "__main__":
    DOCUMENT.write_text(replace(DOCUMENT.read_text()))
