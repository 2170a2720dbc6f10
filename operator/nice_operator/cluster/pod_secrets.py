"""Which parts of a runner's container are secret, by its template: the zygote is told where they are.

The operator never reads a Secret and has no right to. What a whole Secret gives to the environment
(``envFrom``) has names that only the Secret knows, so it is mounted for the zygote as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nice_protocol.secrecy.names import is_plain, looks_secret

Json = dict[str, Any]

FOLDER = "/nice-secrets"
_SECRETS_STORE = "secrets-store.csi.k8s.io"


def secret_arguments(given: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    """For the zygote's command line: names and places, never contents."""
    variables = [part for name in _variables(given) for part in ("--secret-variable", name)]
    paths = [part for path in _paths(given, spec) for part in ("--secret-path", path)]
    return [*variables, *paths, *(part for text in _sources(given) for part in ("--secret-source", text))]


def secret_mounts(given: Mapping[str, Any]) -> list[Json]:
    """Where the Secrets of ``envFrom`` are mounted in the runner's container."""
    return [
        {"name": f"nice-secret-{index}", "mountPath": f"{FOLDER}/{index}", "readOnly": True}
        for index, _ in enumerate(_whole_secrets(given))
    ]


def secret_volumes(given: Mapping[str, Any]) -> list[Json]:
    """Optional in any case: a Secret that is missing shall hold back the container, which says so, and not
    the pod, which does not."""
    return [
        {"name": f"nice-secret-{index}", "secret": {"secretName": name, "optional": True}}
        for index, (name, _) in enumerate(_whole_secrets(given))
    ]


def _variables(given: Mapping[str, Any]) -> Iterator[str]:
    """Those from a Secret's key, and those with a value whose name looks secret."""
    for each in _mappings(given.get("env")):
        name = str(each.get("name", ""))
        reference = _mapping(_mapping(each.get("valueFrom")).get("secretKeyRef"))
        if (reference and not is_plain(str(reference.get("key", "")))) or (
            each.get("value") and looks_secret(name)
        ):
            yield name


def _sources(given: Mapping[str, Any]) -> Iterator[str]:
    for index, (_, prefix) in enumerate(_whole_secrets(given)):
        yield f"{FOLDER}/{index}={prefix}" if prefix else f"{FOLDER}/{index}"


def _whole_secrets(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of Secrets, each with the prefix of its variables."""
    for each in _mappings(given.get("envFrom")):
        name = _mapping(each.get("secretRef")).get("name")
        if name:
            yield str(name), str(each.get("prefix") or "")


def _paths(given: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    secret = {volume.get("name") for volume in _mappings(spec.get("volumes")) if _is_secret(volume)}
    for mount in _mappings(given.get("volumeMounts")):
        if mount.get("name") in secret and mount.get("mountPath"):
            yield str(mount["mountPath"])


def _is_secret(volume: Mapping[str, Any]) -> bool:
    sources = _mappings(_mapping(volume.get("projected")).get("sources"))
    return (
        volume.get("secret") is not None
        or _mapping(volume.get("csi")).get("driver") == _SECRETS_STORE
        or any(source.get("secret") or source.get("serviceAccountToken") for source in sources)
    )


def _mapping(given: object) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


def _mappings(given: object) -> list[Mapping[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
