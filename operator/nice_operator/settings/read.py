"""The command line as a whole: which command, and what it is told."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.schedule import zone_release
from nice_operator.settings.cluster import ClusterSettings, read_cluster
from nice_operator.settings.dev import DevSettings, add_dev, read_dev

KINDS = ("token", "database", "redis")


@dataclass(frozen=True, slots=True)
class LintSettings:
    """Check manifests without a server; ``as_json`` for programs."""

    paths: tuple[Path, ...]
    as_json: bool


@dataclass(frozen=True, slots=True)
class FillSettings:
    """Fill Secrets of ``namespace`` that are still empty: (name, kind) each. ``release`` is what the
    release's Services are called after."""

    namespace: str
    release: str
    secrets: tuple[tuple[str, str], ...]


Settings = DevSettings | ClusterSettings | LintSettings | FillSettings


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the command line, then the environment, then defaults.

    Raises InvalidInput with every problem found; a misspelt option or a missing argument ends the
    program the way argparse does (usage on stderr, exit code 2).
    """
    found = _parser().parse_args(arguments)
    match found.command:
        case "lint":
            return LintSettings(tuple(found.paths), found.output == "json")
        case "cluster":
            return read_cluster(environment)
        case "fill-secrets":
            return _read_fill(found.secrets, environment)
        case _:
            return read_dev(found, environment)


def _read_fill(words: Sequence[str], environment: Mapping[str, str]) -> FillSettings:
    pairs = tuple((name, kind) for name, _, kind in (word.partition(":") for word in words))
    wrong = [
        Problem("SECRET", f"is {name}:{kind}; expected NAME:KIND, the kind one of {', '.join(KINDS)}")
        for name, kind in pairs
        if not name or kind not in KINDS
    ]
    missing = [
        Problem(name, "is not set; expected the name that the chart gives")
        for name in ("NICE_NAMESPACE", "NICE_RELEASE")
        if not environment.get(name)
    ]
    if wrong or missing:
        raise InvalidInput("the settings cannot be used", (*wrong, *missing))
    return FillSettings(environment["NICE_NAMESPACE"], environment["NICE_RELEASE"], pairs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nice-operator", description="Scheduled and one-off tasks.")
    release = f"%(prog)s {version('nice-operator')}, time zones of {zone_release()}"
    parser.add_argument("--version", action="version", version=release)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_dev(commands.add_parser("dev", help="run the tasks of a folder on this machine"))
    commands.add_parser("cluster", help="run the NiceTasks of a cluster; told by its environment (the chart)")
    fill = commands.add_parser("fill-secrets", help="fill the release's own Secrets that are still empty")
    kinds = ", ".join(KINDS)
    fill.add_argument("secrets", nargs="+", metavar="SECRET", help=f"NAME:KIND, the kind one of {kinds}")
    lint = commands.add_parser("lint", help="check manifests without a server")
    lint.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    lint.add_argument("-o", "--output", choices=("text", "json"), default="text")
    return parser
