"""The audit log of a native cluster as an answer to questions: who did what, and was anybody refused?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.cluster.places import Places


@dataclass(frozen=True)
class Call:
    """One call to the API. ``resource`` has its subresource after a slash; ``code`` is the HTTP answer."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def refused(self) -> bool:
        """Whether the caller lacked the right."""
        return self.code == 403


def calls(places: Places, user: str) -> list[Call]:
    """Every call by ``user`` (or by users whose name begins so, if it ends in ``*``) since the cluster
    began."""
    return [call for call in _all(places) if _is(call.user, user)]


def verbs(places: Places, user: str) -> set[tuple[str, str]]:
    """The (verb, resource) pairs that ``user`` really used."""
    return {(call.verb, call.resource) for call in calls(places, user)}


def _is(user: str, wanted: str) -> bool:
    return user.startswith(wanted[:-1]) if wanted.endswith("*") else user == wanted


def _all(places: Places) -> Iterator[Call]:
    with places.audit_log.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):  # the last line may still be on its way
                yield _call(json.loads(line))


def _call(event: dict[str, Any]) -> Call:
    about: dict[str, str] = event.get("objectRef") or {}
    user: dict[str, str] = event["user"]
    answer: dict[str, int] = event.get("responseStatus") or {}
    resource = "/".join(filter(None, (about.get("resource", ""), about.get("subresource", ""))))
    where = resource or str(event["requestURI"])
    return Call(
        user.get("username", ""), str(event["verb"]), where,
        about.get("namespace", ""), about.get("name", ""), answer.get("code", 0),
    )  # fmt: skip
