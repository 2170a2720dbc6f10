"""Options that commands share: which server, which namespace, which form of output."""

from __future__ import annotations

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

DEFAULT_SERVER = "http://localhost:9999"
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

    @property
    def api(self) -> Api:
        """The server's calls."""
        return Api(Http(self.server))

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


def targeted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the shared options; it gets a ``Target`` as its first argument."""
    return _decorate(command, ("-n", "--namespace"))


def targeted_without_n(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, where ``-n`` is the command's own."""
    return _decorate(command, ("--namespace",))


def _decorate(command: Callable[..., Any], namespace_flags: tuple[str, ...]) -> Callable[..., Any]:
    @click.option(*namespace_flags, "namespace", metavar="NAMESPACE", help="Namespace of the task.")
    @click.option(
        "--server", envvar="NICE_SERVER", default=DEFAULT_SERVER, show_default=True, show_envvar=True,
        metavar="URL", help="The server to ask.",
    )  # fmt: skip
    @click.option(
        "-o", "--output", type=click.Choice([form.value for form in Form]), default=Form.TABLE.value,
        show_default=True, help="Form of the answer.",
    )  # fmt: skip
    @wraps(command)
    def with_target(namespace: str | None, server: str, output: Form, **rest: Any) -> Any:
        return command(Target(server, namespace, Form(output)), **rest)

    return with_target
