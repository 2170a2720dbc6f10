"""The audit log of a native cluster as an answer to questions: who did what, and was anybody refused?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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
    group: str = ""
    said: str = ""
    """Why it failed; empty when it did not."""

    @property
    def refused(self) -> bool:
        """Whether the caller lacked the right. In a namespace that goes, nobody may make anything."""
        return self.code == 403 and _GOING not in self.said


_GOING = "because it is being terminated"


def calls(places: Places, user: str) -> list[Call]:
    """Every call by ``user`` (or by users whose name begins so, if it ends in ``*``) since the cluster
    began."""
    return [call for call in _all(places, user) if _is(call.user, user)]


def verbs(places: Places, user: str) -> set[tuple[str, str]]:
    """The (verb, resource) pairs that ``user`` really used."""
    return {(call.verb, call.resource) for call in calls(places, user)}


def _is(user: str, wanted: str) -> bool:
    return user.startswith(wanted[:-1]) if wanted.endswith("*") else user == wanted


def _all(places: Places, user: str) -> Iterator[Call]:
    """Those of lines with these words in them: reading all of them whole takes many times as long."""
    words = user.removesuffix("*")
    for file in _files(places):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if words in line and line.endswith("\n"):  # the last line may still be on its way
                    yield _call(json.loads(line))


def _files(places: Places) -> list[Path]:
    """The API server begins another one when it has 100 MB; the older ones have their time in their name."""
    log = places.audit_log
    return [*sorted(log.parent.glob(f"{log.stem}-*{log.suffix}")), log]


def _call(event: dict[str, Any]) -> Call:
    about: dict[str, str] = event.get("objectRef") or {}
    user: dict[str, str] = event["user"]
    answer: dict[str, Any] = event.get("responseStatus") or {}
    resource = "/".join(filter(None, (about.get("resource", ""), about.get("subresource", ""))))
    where = resource or str(event["requestURI"])
    return Call(
        user.get("username", ""), str(event["verb"]), where,
        about.get("namespace", ""), about.get("name", ""), answer.get("code", 0),
        about.get("apiGroup", ""), answer.get("message", ""),
    )  # fmt: skip
