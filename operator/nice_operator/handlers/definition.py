"""From an object of the API server to a definition for the engine. Whatever is wrong with it becomes a
stalled definition: its author learns of it from the status, and its last good version goes on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nice_operator.domain.errors import Problem
from nice_operator.domain.task import KUBERNETES, TaskDefinition
from nice_operator.handlers.seen import Seen
from nice_operator.resources import examine

_log = logging.getLogger(__name__)

POOL_FIELD = "spec.workerPool"


def definition_of(seen: Seen, born: datetime | None = None) -> TaskDefinition:
    """What the object declares. To data that were ``born`` later than the object it is as old as they are:
    what was due or asked for before them is not theirs to run."""
    definition = _read(seen)
    made = definition.created_at
    return replace(definition, created_at=born) if born and made and made < born else definition


def _read(seen: Seen) -> TaskDefinition:
    shown = seen.shown
    try:
        reading = examine(seen.document, uid=shown.uid, generation=shown.generation, origin=KUBERNETES)
    except Exception as error:
        _log.exception("NiceTask %s/%s cannot be read", shown.namespace, shown.name)
        return unusable(seen, [Problem("spec", f"cannot be read ({type(error).__name__}); simplify it")])
    return reading.definition or unusable(seen, reading.problems)


def without_pool(definition: TaskDefinition, reason: str | None) -> TaskDefinition:
    """The definition, stalled if its pool refuses it for that reason."""
    if reason is None:
        return definition
    return replace(definition, spec=None, stalled=str(Problem(POOL_FIELD, reason)))


def without_name(definition: TaskDefinition, problems: Sequence[Problem], refusal: str) -> TaskDefinition:
    """The definition, stalled because the engine refuses it."""
    return replace(definition, spec=None, stalled="\n".join(map(str, problems)) or refusal)


def unusable(seen: Seen, problems: Sequence[Problem]) -> TaskDefinition:
    """The definition of an object that cannot be put into force. Its annotations count all the same: what
    they asked for is answered (refused) now, and not when somebody mends it."""
    spec: Any = seen.document["spec"]
    return TaskDefinition(
        namespace=seen.shown.namespace,
        name=seen.shown.name,
        uid=seen.shown.uid,
        generation=seen.shown.generation,
        manifest=spec if isinstance(spec, dict) else {},
        spec=None,
        origin=KUBERNETES,
        stalled="\n".join(map(str, problems)),
        annotations=seen.document["metadata"]["annotations"],
    )
