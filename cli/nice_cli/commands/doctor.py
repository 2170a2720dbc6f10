"""The command that looks whether everything is as it should be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from nice_cli.api import Api, Document
from nice_cli.doctor.cluster import all_asleep, check_operators, check_pools, pools_of
from nice_cli.doctor.definitions import check_definitions
from nice_cli.doctor.finding import Finding, Level, fail, ok
from nice_cli.doctor.server import check_clock, check_parts, check_tasks, check_version, check_workers, now
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.options import Target, targeted_everywhere
from nice_cli.output import Form, show_document
from nice_cli.place import InCluster, Place
from nice_cli.text import visible

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
UNREACHED = "server"


@click.command(short_help="Look whether all is well.")
@targeted_everywhere
def doctor(target: Target) -> None:
    """Look whether everything is as it should be, and say what helps.

    Ends with 0 when nothing fails (warnings are no failures), with 1 when something does, and with 3 when
    no server answers.
    """
    findings: list[Finding] = []
    for finding in _examine(target):
        findings.append(finding)
        if target.form in (Form.TABLE, Form.WIDE):
            _say(finding)
    if target.form in (Form.JSON, Form.YAML):
        show_document([asdict(finding) for finding in findings], target.form)
    elif target.form is Form.NAME:
        click.echo("\n".join(f.check for f in findings if f.level is not Level.OK))
    sys.exit(_verdict(findings))


def _examine(target: Target) -> Iterator[Finding]:
    try:
        place = target.place
    except Failure as failure:
        yield fail(UNREACHED, failure.message, "see above")
        return
    pools: list[Document] | None = None
    if isinstance(place, InCluster):
        yield ok("cluster", f"context {place.current.context}")
        yield from check_definitions(place.kubectl)
        try:
            release = place.release
        except Failure as failure:
            yield fail(UNREACHED, failure.message, "see above")
            return
        yield from check_operators(place.kubectl, release)
        found, hidden = pools_of(place.kubectl, release)
        pools = list(found)
        yield from () if hidden is None else (hidden,)
        yield from check_pools(pools) if pools or hidden is None else ()
    yield from _examine_server(place, pools)


def _examine_server(place: Place, pools: list[Document] | None) -> Iterator[Finding]:
    asked = now()
    try:
        api = Api(place.http)
        asked = now()
        health = api.health()
    except Failure as failure:
        yield fail(UNREACHED, failure.message, "see above")
        return
    answered = now()
    yield ok(UNREACHED, f"{health['replica'] or place.http.base} answers, and so does its database")
    yield from check_version(health)
    yield from check_clock(health, asked, answered)
    yield from check_parts(health)
    try:
        yield from check_workers(api.workers(), all_asleep(pools or []))
        yield from check_tasks(api.tasks(), api.broken_definitions())
    except Failure as failure:
        yield fail("api", failure.message, "the operator's log says more")


def _say(finding: Finding) -> None:
    level = click.style(f"{finding.level.value:<5}", STYLES[finding.level])
    click.echo(f"{level} {finding.check:<10} {visible(finding.message)}")
    if finding.remedy:
        click.echo(f"{'':<17}→ {visible(finding.remedy)}")


def _verdict(findings: list[Finding]) -> Exit:
    failed = {finding.check for finding in findings if finding.level is Level.FAIL}
    if UNREACHED in failed:
        return Exit.SERVER
    return Exit.RUN_FAILED if failed else Exit.OK
