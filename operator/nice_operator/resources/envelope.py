"""The outside of a document: apiVersion, kind and metadata."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nice_operator.domain.errors import Problem
from nice_operator.resources.findings import did_you_mean, path_of
from nice_operator.resources.shapes import shown

GROUP = "nicecommander.dev"
API_VERSION = f"{GROUP}/v1beta1"
KIND = "NiceTask"
POOL_KIND = "NiceWorkerPool"
DEFAULT_NAMESPACE = "default"
MOST_ANNOTATION_BYTES = 256 * 1024

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_NAME = re.compile(rf"{_LABEL}([.]{_LABEL})*")
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a document is about. ``created_at`` is aware UTC, None where nobody keeps it (a folder)."""

    namespace: str
    name: str
    annotations: Mapping[str, str]
    created_at: datetime | None


def read_envelope(document: Mapping[str, Any], kind: str = KIND) -> tuple[Envelope | None, list[Problem]]:
    """The envelope (None when it cannot be told whose it is), and what is wrong with it."""
    problems = _top_problems(document, kind)
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return None, [*problems, Problem("metadata", "is required; add metadata with a name")]
    namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    naming = [*_name_problems(metadata.get("name")), *_namespace_problems(namespace)]
    texts = [p for part in ("annotations", "labels") for p in _texts_problems(part, metadata.get(part))]
    if naming:
        return None, [*problems, *naming, *texts]
    annotations = {} if texts else dict(metadata.get("annotations") or {})
    created = _created_at(metadata.get("creationTimestamp"))
    return Envelope(namespace, metadata["name"], annotations, created), [*problems, *texts]


def problems_of_kind(document: Mapping[str, Any], kind: str = KIND) -> list[Problem]:
    """What is wrong unless it is a ``kind`` of the version that is read here."""
    wanted = (("apiVersion", API_VERSION), ("kind", kind))
    return [
        Problem(
            field, f"must be {value}, found {shown(document.get(field))}; {_meant(field, value, document)}"
        )
        for field, value in wanted
        if document.get(field) != value
    ]


def _meant(field: str, value: str, document: Mapping[str, Any]) -> str:
    found = str(document.get(field))[:100] if field == "kind" else ""
    close = difflib.get_close_matches(found.lower(), (value.lower(),), n=1, cutoff=0.6)
    return f"did you mean {value}?" if close else f"write {field}: {value}"


def _top_problems(document: Mapping[str, Any], kind: str) -> list[Problem]:
    return [
        Problem(path_of("", (name,))[1:], f"is not a part of a {kind}; {did_you_mean(str(name), _FIELDS)}")
        for name in document
        if name not in _FIELDS
    ]


def _name_problems(name: object) -> list[Problem]:
    if name is None:
        return [Problem("metadata.name", "is required; add a name such as nightly-report")]
    if isinstance(name, str) and len(name) <= 253 and _NAME.fullmatch(name):
        return []
    return [
        Problem(
            "metadata.name",
            "must have at most 253 lower-case letters, digits, - and ., with a letter or digit at both ends, "
            f"found {shown(name)}; other names go into spec.taskName",
        )
    ]


def _namespace_problems(namespace: object) -> list[Problem]:
    if isinstance(namespace, str) and len(namespace) <= 63 and _NAMESPACE.fullmatch(namespace):
        return []
    return [
        Problem(
            "metadata.namespace",
            "must have at most 63 lower-case letters, digits and -, with a letter or digit at both ends, "
            f"found {shown(namespace)}; correct it, or remove it to mean {DEFAULT_NAMESPACE}",
        )
    ]


def _texts_problems(part: str, given: object) -> list[Problem]:
    field = f"metadata.{part}"
    if given is None:
        return []
    if not isinstance(given, dict):
        return [Problem(field, f"must be a mapping of names to texts, found {shown(given)}; correct it")]
    wrong = [
        Problem(path_of(field, (str(name),)), f"must be a text, found {shown(value)}; put it in quotes")
        for name, value in given.items()
        if not isinstance(name, str) or not isinstance(value, str)
    ]
    if wrong or part != "annotations":
        return wrong
    size = sum(len(name.encode()) + len(value.encode()) for name, value in given.items())
    if size <= MOST_ANNOTATION_BYTES:
        return []
    return [
        Problem(field, f"must have at most {MOST_ANNOTATION_BYTES} bytes in all, found {size}; shorten them")
    ]


def _created_at(text: object) -> datetime | None:
    """Kubernetes' own field; what it never writes is taken as not given."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None
    except ValueError:
        return None
