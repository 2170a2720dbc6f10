"""What the dev mode is told."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.task import UnhandledErrors
from nice_operator.settings.kube import KubeSource, add_kube, read_kube
from nice_operator.settings.words import (
    DEFAULT_PORT,
    DEFAULT_RATE,
    is_address,
    is_loopback,
    read_level,
    read_port,
    read_rate,
    read_switch,
    read_timeout,
)
from nice_operator.web.behind import Behind, read_behind

DEFAULT_HOST = "localhost"
DEFAULT_DATA = ".nice-commander"
USER_HEADER, EMAIL_HEADER = "X-Forwarded-User", "X-Forwarded-Email"


@dataclass(frozen=True, slots=True)
class DevSettings:
    """The dev mode: tasks from ``folder``, everything that lasts in ``data``. With ``kube`` they come from a
    cluster, and ``folder`` is where their runs find modules and programs.

    ``sync`` False works on what the database holds and changes no definitions. ``view_only`` shows
    everything, starts and stops nothing. ``log_to_stdout`` copies log lines there. ``unhandled_errors`` is
    for tasks that choose none (None: the worker decides). ``behind`` is what stands before us.
    ``tokens`` is the directory with the tokens of clients (None: nobody is asked, on loopback alone).
    ``client_rate``: requests a second of one client, where clients have tokens (0: any number).
    ``undeclared_tasks``: whether a name that no file declares becomes a
    task when a worker registers it or somebody schedules it; ``undeclared_timeout`` is then its timeout.
    """

    folder: Path
    data: Path
    host: str
    port: int
    sync: bool
    view_only: bool
    log_level: str
    log_to_stdout: bool = False
    unhandled_errors: UnhandledErrors | None = None
    behind: Behind = field(default_factory=Behind)
    undeclared_tasks: bool = True
    undeclared_timeout: timedelta = timedelta(hours=24)
    tokens: Path | None = None
    kube: KubeSource | None = None
    client_rate: float = DEFAULT_RATE


def read_dev(found: argparse.Namespace, environment: Mapping[str, str]) -> DevSettings:
    """Raises InvalidInput with every problem found."""
    problems: list[Problem] = []
    tokens = _read_tokens(found.tokens or environment.get("NICE_TOKEN_DIR") or "", problems)
    host = _read_host(found.host or environment.get("HOST") or DEFAULT_HOST, tokens is not None, problems)
    port = read_port("--port", found.port or environment.get("PORT") or str(DEFAULT_PORT), problems)
    level = read_level(environment.get("NICE_LOG_LEVEL", "info"), problems)
    switch = environment.get("NICE_UNDECLARED_TASKS", "on")
    undeclared = read_switch("NICE_UNDECLARED_TASKS", switch, problems)
    duration = environment.get("NICE_UNDECLARED_TIMEOUT_AFTER", "24 hours")
    timeout = read_timeout("NICE_UNDECLARED_TIMEOUT_AFTER", duration, problems)
    kube = read_kube(found, problems)
    folder = _read_folder(found.folder, kube is not None, problems)
    rate = read_rate(environment.get("NICE_CLIENT_RATE") or str(DEFAULT_RATE), problems)
    behind = read_behind(
        found.base_path,
        found.public_host,
        found.trusted_proxy,
        (found.user_header, found.email_header),
        problems,
    )
    if problems:
        raise InvalidInput("the settings cannot be used", tuple(problems))
    return DevSettings(
        folder=folder.resolve(),
        data=found.data or Path(environment.get("NICE_DATA") or DEFAULT_DATA),
        host=host,
        port=port,
        sync=not found.no_sync,
        view_only=found.view_only,
        log_level=level,
        log_to_stdout=found.log_to_stdout,
        unhandled_errors=UnhandledErrors(found.unhandled_errors) if found.unhandled_errors else None,
        behind=behind,
        undeclared_tasks=undeclared,
        undeclared_timeout=timeout,
        tokens=tokens,
        kube=kube,
        client_rate=rate,
    )


def _read_tokens(text: str, problems: list[Problem]) -> Path | None:
    if text and not Path(text).is_dir():
        remedy = "name one with a file per client, its name the client's, its content the token"
        problems.append(Problem("--tokens", f"{text} is not a directory; {remedy}"))
    return Path(text).resolve() if text else None


def _read_host(host: str, authenticated: bool, problems: list[Problem]) -> str:
    if authenticated and not is_address(host):
        expected = "expected localhost or an address of this machine, such as 0.0.0.0 for all of them"
        problems.append(Problem("--host", f"is {host!r}; {expected}. Names go to --public-host"))
    elif not authenticated and not is_loopback(host):
        problems.append(
            Problem(
                "--host",
                f"{host} is not a loopback address; without --tokens the dev mode asks nobody who they are, "
                "so it listens on localhost, 127.0.0.1 or ::1 only. Give it tokens, or put a proxy that "
                "authenticates in front",
            )
        )
    return host


def _read_folder(folder: Path | None, kube: bool, problems: list[Problem]) -> Path:
    if folder is None:
        if not kube:
            problems.append(Problem("DIR", "is missing; name the folder of your NiceTasks, or say --kube"))
        return Path.cwd()
    if not folder.is_dir():
        problems.append(Problem("DIR", f"{folder} is not a directory; name the folder of your NiceTasks"))
    return folder


def add_dev(dev: argparse.ArgumentParser) -> None:
    """Its command line."""
    dev.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="DIR",
        help="the folder with NiceTask manifests; with --kube: where runs find modules and programs",
    )
    add_kube(dev.add_argument_group("tasks of a cluster"))
    dev.add_argument("--data", type=Path, metavar="DIR", help=f"where data lie (default ./{DEFAULT_DATA})")
    dev.add_argument("--host", help=f"address to listen on (default {DEFAULT_HOST}, or $HOST)")
    dev.add_argument("--port", help=f"port to listen on (default {DEFAULT_PORT}, or $PORT; 0: any free one)")
    dev.add_argument(
        "--tokens",
        metavar="DIR",
        help="ask every caller for a token: a file per client, its name the client's, its content the token "
        "(default $NICE_TOKEN_DIR, else nobody is asked and only loopback is listened on)",
    )
    dev.add_argument("--no-sync", action="store_true", help="use the stored definitions; do not read DIR")
    dev.add_argument("--view-only", action="store_true", help="show everything, start and stop nothing")
    dev.add_argument(
        "--log-to-stdout", action="store_true", help="copy the tasks' log lines to standard output"
    )
    dev.add_argument(
        "--unhandled-errors",
        choices=[policy.value for policy in UnhandledErrors],
        help="for tasks that do not choose: what an error that nobody awaits does (default Warn)",
    )
    _add_behind(dev.add_argument_group("behind another server"))


def _add_behind(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--base-path", default="", metavar="PATH", help="the path that it serves us at, as /nice"
    )
    group.add_argument(
        "--public-host", action="append", default=[], metavar="NAME", help="a name that visitors call it by"
    )
    group.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address or network whose word about the user is believed (default: nobody's)",
    )
    group.add_argument("--user-header", default=USER_HEADER, metavar="NAME", help=f"default {USER_HEADER}")
    group.add_argument("--email-header", default=EMAIL_HEADER, metavar="NAME", help=f"default {EMAIL_HEADER}")
