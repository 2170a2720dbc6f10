"""The forms of an answer: tables for people, JSON and YAML for programs, names for the next command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import click

from nice_cli import exact
from nice_cli.text import visible

Document = dict[str, Any]


class Form(StrEnum):
    """Values of ``--output``."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. ``wide`` ones are left out of the narrow table; ``styled`` ones hold a state."""

    title: str
    cell: Callable[[Document], str]
    wide: bool = False
    styled: bool = False


STYLES = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "lost": "red",
    "cancelled": "yellow",
    "missed": "yellow",
    "skipped": "yellow",
    "running": "cyan",
    "claimed": "cyan",
    "queued": "cyan",
}


def show_list(
    documents: Sequence[Document], columns: Sequence[Column], name: Callable[[Document], str], form: Form
) -> None:
    """Print documents of one kind."""
    if form is Form.NAME:
        for document in documents:
            click.echo(visible(name(document)))
    elif form in (Form.JSON, Form.YAML):
        show_document(list(documents), form)
    else:
        _show_table(documents, [column for column in columns if form is Form.WIDE or not column.wide])


def show_document(document: Any, form: Form) -> None:
    """Print what the server sent, whole, as YAML if asked for and else as JSON."""
    if form is Form.YAML:
        click.echo(yaml_text(document), nl=False)
    else:
        click.echo(exact.dumps(document, indent=2))


def show_facts(facts: Sequence[tuple[str, str]]) -> None:
    """``name: value`` lines, the values under each other; empty ones are left out."""
    given = [(name, value) for name, value in facts if value]
    width = max((len(name) for name, _ in given), default=0) + 2
    for name, value in given:
        first, *rest = value.split("\n")
        click.echo(f"{name + ':':<{width}}{visible(first)}")
        for line in rest:
            click.echo(" " * width + visible(line))


def note(message: str) -> None:
    """Something for the person beside the answer: on standard error."""
    click.echo(visible(message), err=True)


def _show_table(documents: Sequence[Document], columns: Sequence[Column]) -> None:
    from rich.console import Console  # a tenth of a second that only tables need
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.title, no_wrap=True, overflow="ellipsis")
    for document in documents:
        cells = [(visible(column.cell(document)), column.styled) for column in columns]
        table.add_row(*(Text(text, STYLES.get(text, "") if styled else "") for text, styled in cells))
    width = None if sys.stdout.isatty() else 10_000
    Console(highlight=False, width=width, soft_wrap=False).print(table)


def yaml_text(document: Any) -> str:
    """YAML whose numbers are as they were written."""
    import yaml  # only two commands need it

    class Dumper(yaml.SafeDumper):
        """Knows exact numbers."""

    Dumper.add_representer(exact.Number, _represent_number)
    Dumper.add_representer(str, _represent_text)
    text: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def _represent_text(dumper: Any, text: str) -> Any:
    """Lines stay lines: the source of a task is there to be read."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _represent_number(dumper: Any, number: exact.Number) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:float", number.text)
