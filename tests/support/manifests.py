"""The labelled manifests of tests/manifests: each says what a server and its Python twin must make of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MANIFESTS = Path(__file__).parents[1] / "manifests"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A manifest and its label, the comment lines at its top.

    ``verdict`` is refused, stalled or good. ``by`` says who refuses it at apply: schema, listmap (a key twice
    in a list), cel, strict (an unknown field under strict validation) or metadata (checked of every object).
    ``field`` and ``says`` are what the twin's message must name.
    """

    path: Path
    verdict: str
    by: str
    field: str
    says: str

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"


def labelled_manifests(below: str = "") -> list[Labelled]:
    """All NiceTasks, or those of a kind in a directory of its own (``pools``), by path."""
    return [_labelled(path) for path in sorted((MANIFESTS / below).glob("*/*.yaml"))]


def _labelled(path: Path) -> Labelled:
    with path.open() as stream:
        comments = [line[2:].strip() for line in iter(stream.readline, "") if line.startswith("# ")]
    label = dict(comment.split(": ", 1) for comment in comments)
    return Labelled(
        path, label["verdict"], label.get("by", ""), label.get("field", ""), label.get("says", "")
    )
