"""The two doors: a whole document of a source, and a spec as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.run import JsonObject
from nice_operator.domain.task import TaskDefinition, TaskSpec
from nice_operator.resources.convert import spec_of
from nice_operator.resources.envelope import KIND, problems_of_kind, read_envelope
from nice_operator.resources.findings import problems_of
from nice_operator.resources.model import NiceTaskSpec
from nice_operator.resources.stall import stalling_problems


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document turned out to be: refused (no ``definition``), stalled (a definition without a spec),
    or good (no ``problems``). ``subject`` is the (namespace, name) it is about, None if it does not tell."""

    definition: TaskDefinition | None
    problems: tuple[Problem, ...]
    subject: tuple[str, str] | None


def read_definition(
    document: Mapping[str, Any], *, uid: str, generation: int, origin: str = ""
) -> TaskDefinition:
    """What ``document``, a NiceTask, says.

    Raises InvalidInput with every problem when Kubernetes would refuse it at apply. What Kubernetes
    would accept but cannot work comes back ``stalled``, with all reasons, and without a spec.
    """
    reading = examine(document, uid=uid, generation=generation, origin=origin)
    if reading.definition is None:
        subject = "NiceTask {}/{}".format(*reading.subject) if reading.subject else "this NiceTask"
        found = "; ".join(map(str, reading.problems))
        raise InvalidInput(f"{subject} is refused: {found}", reading.problems)
    return reading.definition


def examine(document: Mapping[str, Any], *, uid: str, generation: int, origin: str = "") -> Reading:
    """``read_definition`` for whoever wants the problems of a stalled one too; raises nothing."""
    envelope, problems = read_envelope(document)
    model, wrong = _read_spec(document.get("spec"))
    problems = [*problems_of_kind(document), *problems, *wrong]
    if envelope is None or model is None or problems:
        subject = (envelope.namespace, envelope.name) if envelope else None
        return Reading(None, tuple(problems), subject)
    stalling = stalling_problems(model)
    namespace, name = envelope.namespace, envelope.name
    definition = TaskDefinition(
        namespace=namespace,
        name=name,
        uid=uid,
        generation=generation,
        manifest=document["spec"],
        spec=None if stalling else spec_of(model, namespace=namespace, name=name),
        origin=origin,
        stalled="\n".join(map(str, stalling)),
        created_at=envelope.created_at,
        annotations=envelope.annotations,
    )
    return Reading(definition, tuple(stalling), (namespace, name))


def spec_from_manifest(spec: JsonObject, *, namespace: str, name: str) -> TaskSpec:
    """The definition that a stored ``spec`` (as written, once found good) declares.

    Raises InvalidInput when it is not one. Callers that need it often keep the answer.
    """
    model, problems = _read_spec(spec)
    if model is None:
        raise InvalidInput(
            f"the stored spec of task {namespace}/{name} is not valid: {'; '.join(map(str, problems))}",
            tuple(problems),
        )
    return spec_of(model, namespace=namespace, name=name)


def _read_spec(spec: object) -> tuple[NiceTaskSpec | None, list[Problem]]:
    if spec is None:
        return None, [Problem("spec", "is required; add what to run and timeoutAfter")]
    try:
        return NiceTaskSpec.model_validate(spec), []
    except ValidationError as error:
        return None, list(problems_of(error, NiceTaskSpec, "spec", KIND))
