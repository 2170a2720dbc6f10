"""From a NiceWorkerPool as written to the pool that the engine works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.pool import Pool
from nice_operator.resources.envelope import POOL_KIND, Envelope, problems_of_kind, read_envelope
from nice_operator.resources.findings import problems_of
from nice_operator.resources.pod_template import template_problems
from nice_operator.resources.pool_model import NiceWorkerPoolSpec

LONGEST_NAME = 63
"""The name is the value of a label of the pool's pods."""


@dataclass(frozen=True, slots=True)
class PoolReading:
    """What a document turned out to be: ``refused`` (Kubernetes would not take it), stalled (a ``pool`` that
    says why), or good (no ``problems``)."""

    pool: Pool
    problems: tuple[Problem, ...]
    refused: bool


def read_pool(document: Mapping[str, Any]) -> PoolReading:
    """What ``document``, a NiceWorkerPool as Kubernetes gives it, says. One that got past the rules (an older
    definition of the resource) is a pool too: one that says why it cannot work.

    Raises InvalidInput when it cannot even be told whose it is.
    """
    envelope, problems = read_envelope(document, POOL_KIND)
    if envelope is None:
        text = "; ".join(map(str, problems))
        raise InvalidInput(f"this {POOL_KIND} is refused: {text}", tuple(problems))
    model, wrong = _read_spec(document.get("spec"))
    refusals = (*problems_of_kind(document, POOL_KIND), *problems, *wrong)
    stalling = () if refusals else (*_name_problems(envelope), *template_problems(model.template or {}))
    found = refusals or stalling
    metadata = document["metadata"]
    pool = _pool(envelope, model, str(metadata.get("uid", "")), int(metadata.get("generation") or 0), found)
    return PoolReading(pool, found, refused=bool(refusals))


def _read_spec(spec: object) -> tuple[NiceWorkerPoolSpec, list[Problem]]:
    """A spec with nothing but defaults stands for one that cannot be read."""
    if spec is None:
        return NiceWorkerPoolSpec(), [Problem("spec", "is required; spec: {} takes every default")]
    try:
        return NiceWorkerPoolSpec.model_validate(spec), []
    except ValidationError as error:
        return NiceWorkerPoolSpec(), list(problems_of(error, NiceWorkerPoolSpec, "spec", POOL_KIND))


def _name_problems(envelope: Envelope) -> tuple[Problem, ...]:
    if len(envelope.name) <= LONGEST_NAME:
        return ()
    text = f"must have at most {LONGEST_NAME} characters, because the pods carry it as a label, found"
    return (Problem("metadata.name", f"{text} {len(envelope.name)}; make the pool anew with a shorter name"),)


def _pool(
    envelope: Envelope, model: NiceWorkerPoolSpec, uid: str, generation: int, found: tuple[Problem, ...]
) -> Pool:
    allowed = model.allowed_namespaces
    return Pool(
        namespace=envelope.namespace,
        name=envelope.name,
        uid=uid,
        generation=generation,
        min=model.replicas.min,
        max=model.replicas.max,
        idle=timedelta(seconds=model.idle_seconds),
        slots=model.slots,
        labels=dict(model.labels),
        preload=tuple(model.preload),
        allowed_namespaces=None if allowed is None else frozenset(allowed),
        unhandled_errors=model.unhandled_errors,
        template=model.template or {},
        stalled="\n".join(map(str, found)),
    )
