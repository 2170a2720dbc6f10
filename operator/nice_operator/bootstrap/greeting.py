"""The first lines: where the page is, where data lie, what was loaded, who may call."""

from __future__ import annotations

from collections.abc import Sequence

from nice_operator.bootstrap.console import say, visible
from nice_operator.domain.task import Task
from nice_operator.local.data_dir import DataDirectory
from nice_operator.ports import BrokenFile
from nice_operator.settings import DevSettings, is_loopback
from nice_operator.web.behind import Behind

NAMES_SHOWN = 12


def greet(
    settings: DevSettings, data: DataDirectory, port: int, tasks: Sequence[Task], broken: Sequence[BrokenFile]
) -> None:
    """Say them."""
    url = f"http://{_host(settings.host)}:{port}{settings.behind.base_path}"
    rows = {
        "page": url,
        "API": f"POST {url}/task/NAME runs a task; {url}/api/v1/openapi.json describes all calls",
        "tasks": _tasks(settings, tasks),
        "data": str(data.path),
        "access": _access(settings),
        **_behind(settings.behind),
    }
    modes = _modes(settings)
    say("\n".join(["Nice Commander, dev mode", "", *(f"  {name:<8}{text}" for name, text in rows.items())]))
    say("\n".join([*modes, *(line for file in broken for line in _broken(file)), ""]))
    say("Ctrl-C lets running tasks finish; a second one stops them at once.")


def _access(settings: DevSettings) -> str:
    if settings.tokens is None:
        return "authentication is off, because it listens on loopback only: for people on this machine"
    return f"by token: a file per client in {settings.tokens}; a browser asks for it as the password"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _behind(behind: Behind) -> dict[str, str]:
    if not behind.proxy.networks:
        return {}
    proxy = behind.proxy
    addresses = ", ".join(str(network) for network in proxy.networks)
    return {"users": f"as {proxy.user_header} and {proxy.email_header} say, if they come from {addresses}"}


def _tasks(settings: DevSettings, tasks: Sequence[Task]) -> str:
    if not tasks and not settings.sync:
        return f"none stored; start without --no-sync to read {_source(settings)}"
    if settings.kube and settings.sync:
        return f"those of {_source(settings)}; {len(tasks)} known from the last time"
    if not tasks:
        return f"none yet in {settings.folder}; put a NiceTask there and it is live within a second"
    names = [task.name for task in tasks[:NAMES_SHOWN]]
    more = f" and {len(tasks) - NAMES_SHOWN} more" if len(tasks) > NAMES_SHOWN else ""
    return f"{len(tasks)} from {_source(settings)}: {', '.join(names)}{more}"


def _source(settings: DevSettings) -> str:
    """Where tasks come from."""
    if settings.kube is None:
        return str(settings.folder)
    namespaces = ", ".join(settings.kube.namespaces)
    return f"context {settings.kube.context}, {f'namespace {namespaces}' if namespaces else 'all namespaces'}"


def _modes(settings: DevSettings) -> list[str]:
    lines = []
    if not is_loopback(settings.host):
        lines.append(
            f"  warning: what goes over {settings.host} is not encrypted, tokens included; "
            "put a server with TLS in front"
        )
    if not settings.sync:
        lines.append("  --no-sync: no definitions are read; the tasks are those of the last time")
    if settings.kube and settings.kube.beside:
        lines.append("  --beside-operator: an operator of the cluster may run every task, too")
    if settings.view_only:
        lines.append("  --view-only: everything can be looked at, nothing is started or stopped")
    return lines


def _broken(file: BrokenFile) -> list[str]:
    return [f"  ✗ {visible(file.path)}: {visible(str(problem))}" for problem in file.problems]
