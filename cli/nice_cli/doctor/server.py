"""Checks that ask the server itself: on one machine and in a cluster alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import nice_cli
from nice_cli.api import Document
from nice_cli.doctor.finding import Finding, fail, named, ok, warn
from nice_cli.times import parse, span

SKEW_SECONDS = 5.0
"""More than a slow answer and a busy machine explain."""


def check_version(health: Document) -> Iterator[Finding]:
    """Client and server."""
    own, server = nice_cli.version(), health.get("version")
    if server == own:
        yield ok("version", f"server and this program are {own}")
    else:
        yield warn(
            "version",
            f"the server is {server or 'older than 0.1.0'}, this program is {own}",
            "install the same version: some commands may not work",
        )


def check_clock(health: Document, asked: datetime, answered: datetime) -> Iterator[Finding]:
    """``asked`` and ``answered`` are this machine's time around the answer."""
    now = parse(health.get("now"))
    if now is None:
        return
    away = max((asked - now).total_seconds(), (now - answered).total_seconds(), 0.0)
    if away > SKEW_SECONDS:
        yield warn(
            "clock",
            f"this machine and the database differ by {span(away)}",
            "set both by NTP; the database's clock decides, what is shown here as an age is wrong",
        )
    else:
        yield ok("clock", "this machine and the database agree")


def check_parts(health: Document) -> Iterator[Finding]:
    """Loops of the replica that answered, wake-ups, and who leads."""
    failing = [one for one in (*health["services"], *health["duties"]) if one["failures"]]
    if failing:
        names = ", ".join(f"{one['name']} ({one['lastError']})" for one in failing)
        yield fail("services", f"failing: {names}", "the operator's log says more")
    else:
        yield ok("services", f"all {len(health['services'])} work")
    yield from _check_wakeups(health)
    yield from _check_leader(health)


def _check_wakeups(health: Document) -> Iterator[Finding]:
    hears = health.get("hearsOthers")
    if hears:
        yield ok("redis", "replicas hear each other")
    elif hears is False:
        yield warn(
            "redis",
            "it does not answer; replicas poll, once a second",
            "look at it and at what the release's redis Secret says; nothing is lost meanwhile",
        )
    elif health["replica"]:
        yield ok("redis", "there is none; replicas poll, once a second")


def _check_leader(health: Document) -> Iterator[Finding]:
    leader = health["leader"]
    if leader:
        yield ok("leader", f"{leader['name']}, term {leader['term']}")
    elif health["replica"]:
        yield fail(
            "leader",
            "nobody leads: definitions, statuses and pools are not looked after",
            "one should within 10 s; if not, the operators' logs say why",
        )


def check_workers(workers: Sequence[Document], asleep: bool) -> Iterator[Finding]:
    """``asleep``: every pool has no worker because none is needed."""
    draining = [one["name"] for one in workers if one["draining"]]
    slots = sum(one["slots"] for one in workers)
    if workers:
        yield ok("workers", f"{len(workers)} connected, {slots} slots")
    elif asleep:
        yield ok("workers", "none is needed now; the next run starts one")
    else:
        yield warn(
            "workers", "none is connected; runs wait", "look at the pools and their pods, or start a worker"
        )
    if draining and len(draining) == len(workers):
        yield warn("workers", "all of them drain and take nothing new", "wait for those that follow them")
    yield from _check_isolation(workers)


def _check_isolation(workers: Sequence[Document]) -> Iterator[Finding]:
    weak: dict[str, list[str]] = {}
    for worker in workers:
        if worker.get("weakness"):
            weak.setdefault(worker["weakness"], []).append(worker["name"])
    for weakness, names in weak.items():
        yield warn("landlock", f"{named(names)}: {weakness}", "nodes with Linux 6.12 or newer and Landlock")
    if workers and not weak:
        yield ok("landlock", "runs of one worker can neither signal nor read each other")


def check_tasks(tasks: Sequence[Document], broken: Sequence[Document]) -> Iterator[Finding]:
    """Definitions that are not in force."""
    stalled = [f"{task['namespace']}/{task['name']}" for task in tasks if task["stalled"]]
    if stalled:
        yield warn("tasks", f"stalled: {named(stalled)}", "describe tells each one's mistake and remedy")
    if broken:
        files = named([file["path"] for file in broken])
        yield warn("tasks", f"files that cannot be read: {files}", "lint tells line and remedy")
    if not stalled and not broken:
        yield ok("tasks", f"{len(tasks)}, all in force")


def now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)
