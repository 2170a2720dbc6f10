"""The audit log: who asked to change what, from where, and what came of it; one line each, refusals too.

It is a logger of its own, ``nice_operator.audit``, whose lines are only ever added. They hold names and ids,
never a payload, a result or a token. What is alike within a second (a client's jobs of one task, a stranger's
tries) is told by its first line and by one with the number of the others: each run is a row in the database
besides, with who asked for it and when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohttp import hdrs, web

from nice_operator.domain.errors import NiceError
from nice_operator.web.errors import refusal_of
from nice_operator.web.guard import SAFE_METHODS
from nice_operator.web.keys import REQUEST_ID, VIEWER
from nice_operator.web.routing import Handler, action_of

LOGGER = "nice_operator.audit"
TOGETHER_SECONDS = 1.0
MOST_OPEN = 10_000
"""Kinds of lines that are counted at a time. With more, each is written."""
LONGEST = 253
REFUSED = frozenset({401, 403, 421})
"""What is told of requests that only look, too: somebody tried to come in."""

_log = logging.getLogger(LOGGER)


class Caller(NamedTuple):
    """Who ("" where nobody is asked, or nobody knows), from which address, through which door."""

    who: str
    address: str
    door: str = "http"


def caller_of(request: web.Request, door: str = "http") -> Caller:
    """Who is at the other end of ``request``."""
    return Caller(request.get(VIEWER, ""), request.remote or "local", door)


class Entry(NamedTuple):
    """An action and its outcome. ``target`` is a task, a run or a name, as the caller wrote it."""

    caller: Caller
    action: str
    target: str
    status: int


@dataclass(slots=True)
class Made:
    """What came of an action, while it is carried out: the run that it made."""

    run: str = ""


@dataclass(slots=True)
class _Open:
    """Entries alike since the first: how many more, and the last one's run and request."""

    more: int = 0
    run: str = ""
    request: str = ""


class Audit:
    """Writes the lines, from the event loop's thread."""

    def __init__(self) -> None:
        self._open: dict[Entry, _Open] = {}

    def note(self, entry: Entry, run: str = "", request: str = "") -> None:
        """``entry`` happened. ``run``: the run that it made; ``request``: the id of the request."""
        if not _log.isEnabledFor(logging.INFO):
            return
        counted = self._open.get(entry)
        if counted is not None:
            counted.more, counted.run, counted.request = counted.more + 1, run, request
            return
        _write(entry, run, request)
        if len(self._open) < MOST_OPEN:
            self._open[entry] = _Open()
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._tell, entry)

    @contextmanager
    def around(self, caller: Caller, action: str, target: str) -> Iterator[Made]:
        """Note what comes of the body: done, or refused by what it raises."""
        made = Made()
        try:
            yield made
        except Exception as error:
            self._refused(error, caller, action, target)
            raise
        self.note(Entry(caller, action, target[:LONGEST], 200), made.run)

    @contextmanager
    def refusals(self, caller: Caller, action: str, target: str) -> Iterator[None]:
        """Note the body's refusal alone: it is the first part of an action."""
        try:
            yield
        except Exception as error:
            self._refused(error, caller, action, target)
            raise

    def _refused(self, error: Exception, caller: Caller, action: str, target: str) -> None:
        status = refusal_of(error, "").status if isinstance(error, NiceError) else 500
        self.note(Entry(caller, action, target[:LONGEST], status))

    async def close(self, app: web.Application) -> None:
        """``on_cleanup``: tell what was only counted."""
        for entry in tuple(self._open):
            self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        counted = self._open.pop(entry, None)
        if counted is not None and counted.more:
            _write(entry, counted.run, counted.request, counted.more)


def _write(entry: Entry, run: str, request: str, count: int = 1) -> None:
    caller = entry.caller
    facts: dict[str, Any] = {
        "who": caller.who,
        "from": caller.address,
        "door": caller.door,
        "action": entry.action,
        "target": entry.target,
        "outcome": "done" if entry.status < 400 else "refused",
        "status": entry.status,
        "run": run,
        "request": request,
        "count": count,
    }
    times = f" ({count} times)" if count > 1 else ""
    _log.info(
        "%s from %s: %s %s: %s %s%s",
        *(caller.who or "somebody", caller.address, entry.action, entry.target, facts["outcome"]),
        *(entry.status, times),
        extra={"audit": facts},
    )


AUDIT = web.AppKey("audit", Audit)


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note every request that may change something, and those of strangers, whatever comes of them."""
    try:
        response = await handler(request)
    except web.HTTPException as redirect:
        _note(request, redirect.status, redirect.headers)
        raise
    if request.method not in SAFE_METHODS or response.status in REFUSED:
        _note(request, response.status, response.headers)
    return response


def _note(request: web.Request, status: int, headers: Any) -> None:
    if request.method in SAFE_METHODS and status not in REFUSED:
        return
    action = action_of(request)
    entry = Entry(caller_of(request), action, _target(request), status)
    made = headers.get("Nice-Run-Id") or headers.get(hdrs.LOCATION, "").rpartition("/")[2]
    request.app[AUDIT].note(entry, made if status < 400 else "", request[REQUEST_ID])


def _target(request: web.Request) -> str:
    """What the path names; nothing of a path that is none of ours, which a stranger may fill."""
    names = request.match_info
    return "/".join(names[part][:LONGEST] for part in ("namespace", "name", "id") if part in names)
