"""Options that commands share: which server, which namespace, which form of output."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from nice_cli.api import Api
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.http import Http
from nice_cli.output import Form
from nice_cli.token import read_token

DEFAULT_SERVER = "http://localhost:9999"
SERVER_HELP = f"The server to ask.  [env var: NICE_SERVER; default: {DEFAULT_SERVER}]"
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class TaskName:
    """A task as the person named it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Target:
    """What the shared options say. ``namespace`` None: not said."""

    server: str
    namespace: str | None
    form: Form
    token_file: str | None = None

    @property
    def api(self) -> Api:
        """The server's calls."""
        return Api(Http(self.server, read_token(self.token_file, os.environ)))

    def task(self, text: str) -> TaskName:
        """``name`` in the namespace of ``-n`` (or default), or ``namespace/name``. Raises Failure."""
        namespace, slash, name = text.rpartition("/")
        if not slash:
            return TaskName(self.namespace or DEFAULT_NAMESPACE, text)
        if not namespace or not name or self.namespace not in (None, namespace):
            raise Failure(
                f"{text!r} is not the name of a task; expected NAME, or NAMESPACE/NAME without -n", Exit.USAGE
            )
        return TaskName(namespace, name)


_namespace = click.option("-n", "--namespace", metavar="NAMESPACE", help="Namespace of the task.")
_server = click.option("--server", metavar="URL", help=SERVER_HELP)
_token_file = click.option(
    "--token-file", metavar="FILE",
    help="File with the token for the server.  [env vars: NICE_TOKEN_FILE, or NICE_TOKEN: the token itself]",
)  # fmt: skip
_output = click.option(
    "-o", "--output", type=click.Choice([form.value for form in Form]),
    help=f"Form of the answer.  [default: {Form.TABLE.value}]",
)  # fmt: skip


def shared(group: Callable[..., Any]) -> Callable[..., Any]:
    """Let the shared options stand before the command, too, as with kubectl."""
    return _namespace(_server(_token_file(_output(group))))


def targeted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the shared options; it gets a ``Target`` as its first argument."""
    return _namespace(targeted_everywhere(command))


def targeted_everywhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that names no task, and so needs no namespace."""

    @_server
    @_token_file
    @_output
    @wraps(command)
    def with_target(**given: Any) -> Any:
        own = {name: given.pop(name, None) for name in SHARED}
        return command(_target(click.get_current_context(), own), **given)

    return with_target


SHARED = ("namespace", "server", "token_file", "output")


def _target(context: click.Context, own: dict[str, str | None]) -> Target:
    """What stands after the command outweighs what stands before it, and that the environment."""
    before = context.parent.params if context.parent else {}
    said = {name: own[name] or before.get(name) for name in SHARED}
    server = said["server"] or os.environ.get("NICE_SERVER") or DEFAULT_SERVER
    return Target(server, said["namespace"], Form(said["output"] or Form.TABLE), said["token_file"])
