"""Options that commands share: which server, which namespace, which form of output."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import click

from nice_cli.api import Api
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.output import Form
from nice_cli.place import LOCAL_SERVER, Place, Wanted, decide


@dataclass(frozen=True, slots=True)
class TaskName:
    """A task as the person named it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(slots=True)
class Target:
    """What the shared options say. ``namespace`` None: not said."""

    wanted: Wanted
    namespace: str | None
    form: Form
    _place: Place | None = field(default=None)

    @property
    def place(self) -> Place:
        """Where the server is, looked for once. Raises Failure."""
        if self._place is None:
            self._place = decide(self.wanted, os.environ)
        return self._place

    @property
    def api(self) -> Api:
        """The server's calls. Raises Failure."""
        return Api(self.place.http)

    def task(self, text: str) -> TaskName:
        """``name`` in the namespace of ``-n`` (or the place's own), or ``namespace/name``. Raises Failure."""
        namespace, slash, name = text.rpartition("/")
        if not slash:
            return TaskName(self.namespace or self.place.namespace, text)
        if not namespace or not name or self.namespace not in (None, namespace):
            raise Failure(
                f"{text!r} is not the name of a task; expected NAME, or NAMESPACE/NAME without -n", Exit.USAGE
            )
        return TaskName(namespace, name)


_namespace = click.option("-n", "--namespace", metavar="NAMESPACE", help="Namespace of the task.")
_output = click.option(
    "-o", "--output", type=click.Choice([form.value for form in Form]),
    help=f"Form of the answer.  [default: {Form.TABLE.value}]",
)  # fmt: skip
_PLACES = (
    click.option(
        "--server", metavar="URL",
        help=f"The server to ask.  [env var: NICE_SERVER; default: {LOCAL_SERVER} if somebody answers there, "
        "else the release in the cluster]",
    ),
    click.option("--context", metavar="NAME", help="Ask the cluster of this context of the kubeconfig."),
    click.option("--kubeconfig", metavar="FILE", help="Ask the cluster of this file."),
    click.option(
        "--release", metavar="[NAMESPACE/]NAME",
        help="Which release, where the cluster has several.  [env var: NICE_RELEASE]",
    ),
    click.option(
        "--token-file", metavar="FILE",
        help="File with the token for the server.  [env vars: NICE_TOKEN_FILE, or NICE_TOKEN: the token "
        "itself; default in a cluster: that of the release's Secret]",
    ),
)  # fmt: skip
everywhere = click.option(
    "-A", "--all-namespaces", is_flag=True, help="Of all namespaces: as without -n, which it outweighs."
)
SHARED = ("namespace", "server", "context", "kubeconfig", "release", "token_file", "output")


def _with_places(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_PLACES):
        command = option(command)
    return command


def shared(group: Callable[..., Any]) -> Callable[..., Any]:
    """Let the shared options stand before the command, too, as with kubectl."""
    return _namespace(_with_places(_output(group)))


def targeted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the shared options; it gets a ``Target`` as its first argument."""
    return _namespace(targeted_everywhere(command))


def targeted_everywhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that names no task, and so needs no namespace."""

    @_with_places
    @_output
    @wraps(command)
    def with_target(**given: Any) -> Any:
        own = {name: given.pop(name, None) for name in SHARED}
        return command(_target(click.get_current_context(), own), **given)

    return with_target


def _target(context: click.Context, own: dict[str, str | None]) -> Target:
    """What stands after the command outweighs what stands before it, and that the environment. A place that
    was named on the command line outweighs any other of the environment."""
    before = context.parent.params if context.parent else {}
    said = {name: own[name] or before.get(name) for name in SHARED}
    in_cluster = said["context"] or said["kubeconfig"] or said["release"]
    if said["server"] and in_cluster:
        raise click.UsageError(
            "--server names the server itself, so it takes no --context, --kubeconfig or --release."
        )
    wanted = Wanted(
        server=said["server"] or (None if in_cluster else os.environ.get("NICE_SERVER") or None),
        release=said["release"] or os.environ.get("NICE_RELEASE") or None,
        context=said["context"],
        kubeconfig=said["kubeconfig"],
        namespace=said["namespace"],
        token_file=said["token_file"],
    )
    return Target(wanted, said["namespace"], Form(said["output"] or Form.TABLE))
