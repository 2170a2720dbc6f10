"""What clients say on ``/websocket``: text in, a request out. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.json_members import Member, object_members
from nice_operator.domain.run import JsonValue


@dataclass(frozen=True, slots=True)
class GetTasks:
    """The names that can be processed now."""


@dataclass(frozen=True, slots=True)
class RunTask:
    """Run a task and answer with its result. ``options`` is JSON text, None when there are none."""

    name: str
    options: str | None


@dataclass(frozen=True, slots=True)
class ScheduleTask:
    """Run a task at a moment, which is still to be read."""

    when: JsonValue
    name: str
    options: str | None


@dataclass(frozen=True, slots=True)
class UnscheduleTask:
    """Take a scheduled job back. ``id`` is whatever the caller sent."""

    id: JsonValue


@dataclass(frozen=True, slots=True)
class Unknown:
    """An action that there is not."""

    action: str


Action = GetTasks | RunTask | ScheduleTask | UnscheduleTask | Unknown


@dataclass(frozen=True, slots=True)
class Request:
    """An action, and the nonce that its answer shall carry: JSON text, None when there is no such key.
    ``wrong`` is what cannot be accepted of an action that is known."""

    action: Action | None
    nonce: str | None
    wrong: InvalidInput | None = None


def read_request(text: str) -> Request:
    """The request that a message is. Raises InvalidInput for what is no JSON object."""
    members = object_members(text)
    nonce = members["nonce"].text if "nonce" in members else None
    try:
        return Request(_action(members), nonce)
    except InvalidInput as error:
        return Request(None, nonce, error)


def _action(members: Mapping[str, Member]) -> Action:
    if "action" not in members:
        return UnscheduleTask(members["id"].value) if "id" in members else Unknown("undefined")
    action = members["action"]
    match action.value:
        case "GetTasks":
            return GetTasks()
        case "RunTask":
            return RunTask(_name(members), _options(members))
        case "ScheduleTask":
            when = members["when"].value if "when" in members else None
            return ScheduleTask(when, _name(members), _options(members))
        case "UnscheduleTask":
            return UnscheduleTask(members["id"].value if "id" in members else None)
    return Unknown(action.value if isinstance(action.value, str) else action.text)


def _name(members: Mapping[str, Member]) -> str:
    value = members["name"].value if "name" in members else None
    if not isinstance(value, str):
        raise InvalidInput('name: expected the name of a task as a string; add it, as in "name": "work"')
    return value


def _options(members: Mapping[str, Member]) -> str | None:
    return members["options"].text if "options" in members else None
