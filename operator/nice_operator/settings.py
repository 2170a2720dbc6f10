"""What the operator is told at its start. The only reader of arguments and environment; it reports
every mistake at once."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.schedule import zone_release
from nice_operator.domain.task import UnhandledErrors
from nice_operator.domain.timeout import parse_duration
from nice_operator.web.behind import Behind, read_behind

DEFAULT_HOST = "localhost"
DEFAULT_PORT = 9999
DEFAULT_DATA = ".nice-commander"
USER_HEADER, EMAIL_HEADER = "X-Forwarded-User", "X-Forwarded-Email"
SWITCH = {"on": True, "off": False}
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class DevSettings:
    """The dev mode: tasks from ``folder``, everything that lasts in ``data``.

    ``sync`` False works on what the database holds and changes no definitions. ``view_only`` shows
    everything, starts and stops nothing. ``log_to_stdout`` copies log lines there. ``unhandled_errors`` is
    for tasks that choose none (None: the worker decides). ``behind`` is what stands before us.
    ``tokens`` is the directory with the tokens of clients (None: nobody is asked, on loopback alone).
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


@dataclass(frozen=True, slots=True)
class LintSettings:
    """Check manifests without a server; ``as_json`` for programs."""

    paths: tuple[Path, ...]
    as_json: bool


Settings = DevSettings | LintSettings


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the command line, then the environment, then defaults.

    Raises InvalidInput with every problem found; a misspelt option or a missing argument ends the
    program the way argparse does (usage on stderr, exit code 2).
    """
    found = _parser().parse_args(arguments)
    if found.command == "lint":
        return LintSettings(tuple(found.paths), found.output == "json")
    return _read_dev(found, environment)


def _read_dev(found: argparse.Namespace, environment: Mapping[str, str]) -> DevSettings:
    problems: list[Problem] = []
    tokens = _read_tokens(found.tokens or environment.get("NICE_TOKEN_DIR") or "", problems)
    host = _read_host(found.host or environment.get("HOST") or DEFAULT_HOST, tokens is not None, problems)
    port = _read_port(found.port or environment.get("PORT") or str(DEFAULT_PORT), problems)
    level = _read_level(environment.get("NICE_LOG_LEVEL", "info").lower(), problems)
    undeclared = _read_switch(environment.get("NICE_UNDECLARED_TASKS", "on").lower(), problems)
    timeout = _read_timeout(environment.get("NICE_UNDECLARED_TIMEOUT_AFTER", "24 hours"), problems)
    folder = _read_folder(found.folder, problems)
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
    )


def _read_tokens(text: str, problems: list[Problem]) -> Path | None:
    if text and not Path(text).is_dir():
        remedy = "name one with a file per client, its name the client's, its content the token"
        problems.append(Problem("--tokens", f"{text} is not a directory; {remedy}"))
    return Path(text).resolve() if text else None


def _read_host(host: str, authenticated: bool, problems: list[Problem]) -> str:
    if authenticated and not _is_address(host):
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


def _read_level(level: str, problems: list[Problem]) -> str:
    if level not in LOG_LEVELS:
        problems.append(Problem("NICE_LOG_LEVEL", f"is {level!r}; expected one of {', '.join(LOG_LEVELS)}"))
    return level


def _read_switch(text: str, problems: list[Problem]) -> bool:
    if text not in SWITCH:
        problems.append(Problem("NICE_UNDECLARED_TASKS", f"is {text!r}; expected on or off"))
    return SWITCH.get(text, False)


def _read_folder(folder: Path, problems: list[Problem]) -> Path:
    if not folder.is_dir():
        problems.append(Problem("DIR", f"{folder} is not a directory; name the folder of your NiceTasks"))
    return folder


def _read_port(text: str, problems: list[Problem]) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    problems.append(
        Problem("--port", f"is {text!r}; expected a number from 1 to 65535, or 0 for any free port")
    )
    return 0


def _read_timeout(text: str, problems: list[Problem]) -> timedelta:
    try:
        return parse_duration(int(text) if text.isascii() and text.isdigit() else text)
    except InvalidInput as error:
        problems.append(Problem("NICE_UNDECLARED_TIMEOUT_AFTER", str(error)))
        return timedelta()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nice-operator", description="Scheduled and one-off tasks.")
    release = f"%(prog)s {version('nice-operator')}, time zones of {zone_release()}"
    parser.add_argument("--version", action="version", version=release)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_dev(commands.add_parser("dev", help="run the tasks of a folder on this machine"))
    lint = commands.add_parser("lint", help="check manifests without a server")
    lint.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    lint.add_argument("-o", "--output", choices=("text", "json"), default="text")
    return parser


def _add_dev(dev: argparse.ArgumentParser) -> None:
    dev.add_argument("folder", type=Path, metavar="DIR", help="the folder with NiceTask manifests")
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
