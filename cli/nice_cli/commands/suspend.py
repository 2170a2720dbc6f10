"""Commands that pause a task: suspend, resume. The spec is Kubernetes', so it is asked to change it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from nice_cli.api import Document
from nice_cli.called import called
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.kube.kubectl import Absent, Kubectl
from nice_cli.options import Target, TaskName, targeted
from nice_cli.output import Form, note, show_document

RESOURCE = "nicetasks.nicecommander.dev"
FIELD_MANAGER = "nicectl"
KUBERNETES = "kubernetes"
"""The origin that the server tells of tasks that are objects of a cluster."""
KEEPERS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}
"""By a label or annotation: who puts a spec back to what is written elsewhere."""


@click.command(short_help="Pause TASK.")
@click.argument("task")
@targeted
def suspend(target: Target, task: str) -> None:
    """Pause TASK: no planned moments and no requests until it is resumed.

    What runs goes on. Suspended time makes no missed moments.
    """
    _set(target, task, True)


@click.command(short_help="Let a suspended TASK run again.")
@click.argument("task")
@targeted
def resume(target: Target, task: str) -> None:
    """Let a suspended TASK run again, from its next planned moment on."""
    _set(target, task, False)


def _set(target: Target, task: str, suspended: bool) -> None:
    wanted = target.task(task)
    if target.place.kubectl is None:
        raise _not_ours(target.api.task(wanted.namespace, wanted.name), suspended)
    document = patch(target.place.kubectl, wanted, suspended)
    if target.form in (Form.JSON, Form.YAML):
        show_document(document, target.form)
    elif target.form is Form.NAME:
        click.echo(wanted)
    else:
        click.echo(f"{wanted} is {'suspended' if suspended else 'resumed'}")
    keeper = kept_by(document["metadata"])
    if keeper:
        note(f"{keeper} manages this task and may put it back: say suspend: {_word(suspended)} there, too.")


def patch(kubectl: Kubectl, task: TaskName, suspended: bool) -> Document:
    """Change ``spec.suspend``; the object as it is then. Raises Failure."""
    change = json.dumps({"spec": {"suspend": suspended}})
    words = ("patch", RESOURCE, task.name, "-n", task.namespace, "--type=merge", "-p", change)
    try:
        text = kubectl.call(*words, f"--field-manager={FIELD_MANAGER}", "-o", "json")
    except Absent as absent:
        raise Failure(f"there is no NiceTask {task} ({absent.message})", Exit.NOT_FOUND) from None
    changed: Document = json.loads(text)
    return changed


def kept_by(metadata: Mapping[str, Mapping[str, str]]) -> str:
    """Who applies the object from elsewhere; "" when nothing tells of anybody."""
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return next((name for mark, name in KEEPERS.items() if mark in marks), "")


def _not_ours(task: Document, suspended: bool) -> Failure:
    """Where the spec is written there is somebody who can change it; this server is not the place."""
    name, word = f"{task['namespace']}/{task['name']}", _word(suspended)
    if task["origin"] == KUBERNETES:
        verb = "suspend" if suspended else "resume"
        remedy = (
            f"it is an object of a cluster: {called()} {verb} {name} --context NAME, or kubectl -n "
            f"{task['namespace']} patch nicetask {task['name']} --type=merge "
            f'-p \'{{"spec":{{"suspend":{word}}}}}\''
        )
    else:
        remedy = f"it is declared in {task['origin']}: say suspend: {word} in its spec there"
    return Failure(f"{name} is not changed: {remedy}", Exit.CONFLICT)


def _word(suspended: bool) -> str:
    return str(suspended).lower()
