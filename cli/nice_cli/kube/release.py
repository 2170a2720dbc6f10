"""Which release of Nice Commander is meant: its Service is found by label, its token in its Secret."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nice_cli.called import called
from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.kube.kubectl import Absent, Current, Document, Forbidden, Kubectl

SELECTOR = "app.kubernetes.io/name=nice-commander"
COMPONENT = "app.kubernetes.io/component"
TOKEN_SECRET = "nicecommander.dev/token-secret"  # noqa: S105 - the name of an annotation
TOKEN_KEY = "admin"  # noqa: S105 - the name of a key
AUTHORITY = "nicecommander.dev/ca"
HTTP_PORT = "http"


@dataclass(frozen=True, slots=True)
class Release:
    """One installation. ``port`` is the Service's; ``secret`` holds the tokens of its clients; ``authority``
    is kind and name of what its certificate is believed by, "" where it has none."""

    namespace: str
    service: str
    port: int
    secret: str
    context: str = ""
    authority: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}"


def find_release(kubectl: Kubectl, current: Current, namespace: str | None, named: str | None) -> Release:
    """The one in ``namespace`` (of the tasks that are meant), else in the context's own namespace, else the
    only one of the cluster. ``named`` is ``[NAMESPACE/]NAME`` and outweighs all that. Raises Failure."""
    preferred = _preferred(current, namespace, named)
    found, everywhere = _services(kubectl, preferred)
    releases = [release for release in (_release(each, current) for each in found) if release]
    if named:
        releases = [one for one in releases if named in (one.service, str(one))]
    for place in preferred:
        if here := [one for one in releases if one.namespace == place]:
            return _only(here, current)
    if not releases:
        where = "any namespace" if everywhere else f"namespace {' or '.join(preferred)}"
        raise _none(where, current, named, everywhere)
    return _only(releases, current)


def read_token(kubectl: Kubectl, release: Release) -> str:
    """The administrator's token. Raises Failure that says what to do instead."""
    try:
        data = kubectl.get("secret", release.secret, "-n", release.namespace).get("data") or {}
    except Forbidden:
        raise _no_token(release, "you may not read it") from None
    except Absent:
        raise _no_token(release, "there is none") from None
    if TOKEN_KEY not in data:
        keys = ", ".join(sorted(data)) or "nothing yet"
        raise _no_token(release, f"it has no key {TOKEN_KEY}, only {keys}")
    return base64.b64decode(data[TOKEN_KEY]).decode(errors="replace").strip()


def _preferred(current: Current, namespace: str | None, named: str | None) -> list[str]:
    of_name = named.rpartition("/")[0] if named else ""
    places = (of_name,) if of_name else (namespace or "", current.namespace)
    return list(dict.fromkeys(filter(None, places)))


def _services(kubectl: Kubectl, preferred: Sequence[str]) -> tuple[list[Document], bool]:
    """All Services of the product, and whether we could look everywhere."""
    try:
        return kubectl.items("services", "--all-namespaces", "-l", SELECTOR), True
    except Forbidden as refusal:
        places = preferred or ["default"]
        found, last = list(_readable(kubectl, places)), refusal
        if not found and not preferred:
            raise Failure(
                f"{last.message}\nName the release's namespace: {called()} -n NAMESPACE", Exit.SERVER
            ) from None
        return found, False


def _readable(kubectl: Kubectl, places: Sequence[str]) -> Iterator[Document]:
    for place in places:
        try:
            yield from kubectl.items("services", "-n", place, "-l", SELECTOR)
        except Forbidden:
            continue


def _release(service: Document, current: Current) -> Release | None:
    """None for Services beside the operator's, such as those of a trial database."""
    metadata = service["metadata"]
    ports = {port.get("name"): port["port"] for port in service["spec"].get("ports") or ()}
    if HTTP_PORT not in ports or (metadata.get("labels") or {}).get(COMPONENT, "operator") != "operator":
        return None
    own = f"{metadata['name']}-token"
    notes = metadata.get("annotations") or {}
    return Release(
        metadata["namespace"], metadata["name"], ports[HTTP_PORT], notes.get(TOKEN_SECRET, own),
        current.context, notes.get(AUTHORITY, ""),
    )  # fmt: skip


def _only(releases: Sequence[Release], current: Current) -> Release:
    if len(releases) == 1:
        return releases[0]
    names = ", ".join(sorted(map(str, releases)))
    raise Failure(
        f"context {current.context} has {len(releases)} releases of Nice Commander: {names}; expected one. "
        "Choose with --release NAMESPACE/NAME (or NICE_RELEASE).",
        Exit.SERVER,
    )


def _none(where: str, current: Current, named: str | None, everywhere: bool) -> Failure:
    what = f"no release {named}" if named else "no release"
    remedy = (
        "Install one (helm install nice-commander charts/nice-commander -n nice --create-namespace), choose "
        "another cluster with --context, or name a server with --server or NICE_SERVER."
        if everywhere
        else "You may not look into others: name the release's with -n, or with --release NAMESPACE/NAME."
    )
    return Failure(
        f"{what} of Nice Commander in {where} of context {current.context} (looked for Services with "
        f"{SELECTOR}). {remedy}",
        Exit.SERVER,
    )


def _no_token(release: Release, why: str) -> Failure:
    return Failure(
        f"no token for {release}: Secret {release.secret} in namespace {release.namespace}: {why}. Ask "
        "whoever runs it for one of your own, and give it with --token-file FILE, NICE_TOKEN_FILE or "
        "NICE_TOKEN.",
        Exit.SERVER,
    )
