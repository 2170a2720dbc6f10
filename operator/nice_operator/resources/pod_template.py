"""What a pool's pod template must not say: what Pod Security ``restricted`` forbids, what would open the
border between supervisor and runs, and what the operator itself sets.

The inside of a template is not typed. What Kubernetes alone can judge (a field that does not exist, a volume
without a source) it says when the Deployment is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nice_operator.domain.errors import Problem
from nice_operator.resources.shapes import shown

PLACE = "spec.template"
RUNNER = "runner"
SUPERVISOR = "supervisor"
ZYGOTE = "zygote"
TOKEN_AUDIENCE = "nicecommander.dev/worker"  # noqa: S105 - whom a token is for, no token
SUPERVISOR_USER = 65532
RESERVED_PREFIX = "nice-"
"""Volumes of the operator's own are called so."""
RESERVED_PATHS = ("/run/nice", "/nice", "/nice-runs", "/nice-secrets", "/var/run/secrets/nicecommander.dev")

_SHARED_WITH_HOST = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
_KEPT_BY_OPERATOR = (
    "command", "args", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "stdin", "tty",
)  # fmt: skip
_ADDABLE = frozenset({"NET_BIND_SERVICE"})

Found = Iterator[Problem]


def template_problems(template: Mapping[str, Any]) -> list[Problem]:
    """Every reason why no Deployment is made of ``template``; empty when Kubernetes may judge it."""
    wrong = [*_shape(template)]
    return wrong or [*_of_pod(_part(template, "spec"))]


# ------------------------------------------------------------ shape


def _shape(template: Mapping[str, Any]) -> Found:
    for name in template.keys() - {"metadata", "spec"}:
        yield Problem(f"{PLACE}.{name}", "is not a part of a pod template; known are metadata and spec")
    yield from _mapping(template, "metadata", PLACE)
    yield from _mapping(template, "spec", PLACE)
    metadata, spec = _part(template, "metadata"), _part(template, "spec")
    for name in ("labels", "annotations"):
        yield from _mapping(metadata, name, f"{PLACE}.metadata")
    yield from _mapping(spec, "securityContext", f"{PLACE}.spec")
    for name in ("containers", "initContainers", "volumes", "imagePullSecrets"):
        yield from _list_of_mappings(spec, name)


def _list_of_mappings(spec: Mapping[str, Any], name: str) -> Found:
    place = f"{PLACE}.spec.{name}"
    given = spec.get(name)
    if given is not None and not isinstance(given, list):
        yield Problem(place, f"must be a list, found {shown(given)}; begin each item with a dash")
        return
    for index, item in enumerate(given or ()):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            yield Problem(f"{place}[{index}]", f"must be a mapping with a name, found {shown(item)}")
            continue
        yield from _inside(item, f"{place}[{index}]")


def _inside(item: Mapping[str, Any], place: str) -> Found:
    yield from _mapping(item, "securityContext", place)
    for name in ("env", "ports", "volumeMounts"):
        given = item.get(name)
        if given is not None and not (isinstance(given, list) and all(isinstance(i, dict) for i in given)):
            yield Problem(f"{place}.{name}", f"must be a list of mappings, found {shown(given)}")


def _mapping(holder: Mapping[str, Any], name: str, place: str) -> Found:
    given = holder.get(name)
    if given is not None and not isinstance(given, dict):
        yield Problem(f"{place}.{name}", f"must be a mapping of names to values, found {shown(given)}")


def _part(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = holder.get(name)
    return given if isinstance(given, dict) else {}


# ------------------------------------------------------------ pod


def _of_pod(spec: Mapping[str, Any]) -> Found:
    place = f"{PLACE}.spec"
    for name in _SHARED_WITH_HOST:
        if spec.get(name):
            yield Problem(f"{place}.{name}", "must not be set: runs would share it with others; remove it")
    yield from _security(_part(spec, "securityContext"), f"{place}.securityContext")
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _volume(volume, f"{place}.volumes[{index}]")
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield from _container(container, f"{place}.{kind}[{index}]", kind)
    yield from _same_user(spec)


def _volume(volume: Mapping[str, Any], place: str) -> Found:
    if volume["name"].startswith(RESERVED_PREFIX):
        text = (
            f"{shown(volume['name'])}: names that begin with {RESERVED_PREFIX} are the operator's; rename it"
        )
        yield Problem(f"{place}.name", text)
    if volume.get("hostPath") is not None:
        text = "must not be used: runs would reach into the node; use another kind of volume"
        yield Problem(f"{place}.hostPath", text)
    sources = _part(volume, "projected").get("sources")
    for source in sources if isinstance(sources, list) else ():
        token = _part(source, "serviceAccountToken") if isinstance(source, dict) else {}
        if token.get("audience") == TOKEN_AUDIENCE:
            text = f"must not ask for the audience {TOKEN_AUDIENCE}: a run with that token could be a worker"
            yield Problem(f"{place}.projected", f"{text}; remove it")


# ------------------------------------------------------------ containers


def _container(container: Mapping[str, Any], place: str, kind: str) -> Found:
    name = container["name"]
    if name in (SUPERVISOR, ZYGOTE) or (name == RUNNER and kind == "initContainers"):
        yield Problem(f"{place}.name", f"{name} is a container of the operator's own; rename yours")
    if name == RUNNER and kind == "containers":
        yield from _runner(container, place)
    yield from _security(_part(container, "securityContext"), f"{place}.securityContext")
    for port in container.get("ports") or ():
        if port.get("hostPort"):
            yield Problem(f"{place}.ports", "must not have a hostPort: it opens the node; remove hostPort")
    for mount in container.get("volumeMounts") or ():
        yield from _mount(mount, f"{place}.volumeMounts")


def _runner(container: Mapping[str, Any], place: str) -> Found:
    for name in _KEPT_BY_OPERATOR:
        if container.get(name) is not None:
            text = "must not be given: the operator starts what executes the tasks here, and asks how it does"
            yield Problem(f"{place}.{name}", f"{text}; remove it, or use a container with another name")


def _mount(mount: Mapping[str, Any], place: str) -> Found:
    if str(mount.get("name", "")).startswith(RESERVED_PREFIX):
        text = f"must not mount {shown(mount['name'])}, a volume of the operator's own; remove it"
        yield Problem(place, text)
    path = str(mount.get("mountPath", "")).rstrip("/")
    if any(path == kept or path.startswith(f"{kept}/") for kept in RESERVED_PATHS):
        yield Problem(place, f"must not mount at {shown(path)}, which the operator uses; choose another path")


def _security(context: Mapping[str, Any], place: str) -> Found:
    for name, forbidden in (
        ("privileged", True),
        ("allowPrivilegeEscalation", True),
        ("runAsNonRoot", False),
        ("runAsUser", 0),
    ):
        if name in context and context[name] is not None and context[name] == forbidden:
            text = f"must not be {str(forbidden).lower()}: pods of workers keep to Pod Security restricted"
            yield Problem(f"{place}.{name}", f"{text}; remove it")
    if _part(context, "seccompProfile").get("type") == "Unconfined":
        yield Problem(f"{place}.seccompProfile", "must not be Unconfined; remove it, or use RuntimeDefault")
    if context.get("procMount") not in (None, "Default"):
        yield Problem(f"{place}.procMount", "must be Default; remove it")
    added = _part(context, "capabilities").get("add")
    beyond = sorted({str(each) for each in added} - _ADDABLE) if isinstance(added, list) else ()
    if beyond:
        yield Problem(f"{place}.capabilities.add", f"must not add {', '.join(beyond)}; remove it")


def _same_user(spec: Mapping[str, Any]) -> Found:
    """Only the user id keeps the runs from the supervisor."""
    for index, container in enumerate(spec.get("containers") or ()):
        context = _part(container, "securityContext")
        user = context.get("runAsUser", _part(spec, "securityContext").get("runAsUser"))
        if user == SUPERVISOR_USER:
            yield Problem(
                f"{PLACE}.spec.containers[{index}].securityContext.runAsUser",
                f"must not be {SUPERVISOR_USER}, the supervisor's user, found with {container['name']}; "
                "choose another number",
            )
