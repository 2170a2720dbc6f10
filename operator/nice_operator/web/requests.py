"""Reading requests: bodies, numbers and ids; each is refused with a sentence if it is not as it should be."""

from __future__ import annotations

import asyncio
from uuid import UUID

from aiohttp import hdrs, web

from nice_operator.domain.errors import InvalidInput, NotFound
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Requester, RunState, Trigger
from nice_operator.web.identity import requester_of
from nice_operator.web.keys import OPTIONS

MAX_KEY = 255
MAX_NAME = 253
MAX_DEPTH = 32
"""Nesting of JSON on /api/v1. The root paths are bounded by size alone."""


async def body_text(request: web.Request) -> str:
    """The body as text; aiohttp refuses one over the limit with 413, we one that takes too long with 408."""
    try:
        async with asyncio.timeout(request.app[OPTIONS].body_within):
            raw = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body took too long; send it faster, or less of it") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8: byte {error.start} cannot be read") from None


def require_json(request: web.Request) -> None:
    """415 unless a body that is there is declared as JSON: a foreign page cannot send that without asking."""
    if request.body_exists and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(
            text="the body must be declared as JSON: send the header Content-Type: application/json"
        )


def run_id(request: web.Request) -> RunId:
    """The run id of the path. Whatever is not a UUID as we write it is as unknown as a wrong one (B21)."""
    return parse_run_id(request.match_info["id"])


def parse_run_id(text: str) -> RunId:
    """``text`` as a run id, or NotFound."""
    try:
        value = UUID(text)
    except ValueError:
        raise no_such_run(text) from None
    if str(value) != text:
        raise no_such_run(text)
    return RunId(value)


def no_such_run(text: str) -> NotFound:
    """The same words for every id that names nothing."""
    return NotFound(f"there is no run {text[:64]}; it may have been deleted with its task's old history")


def integer(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query, clamped to its bounds."""
    text = request.query.get(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 20):
        raise InvalidInput(f"{name} must be a whole number between {low} and {high}, but is {text[:40]!r}")
    return min(max(int(text), low), high)


def seconds(request: web.Request, name: str, high: float) -> float | None:
    """A duration of the query in seconds, clamped to 0 … ``high``; None when absent."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value == value or len(text) > 20:
        raise InvalidInput(f"{name} must be a number of seconds up to {high:g}, but is {text[:40]!r}")
    return min(max(value, 0.0), high)


def states(request: web.Request) -> frozenset[RunState]:
    """The states that the query names, as ``state=failed&state=lost`` or ``state=failed,lost``."""
    words = [w for value in request.query.getall("state", []) for w in value.split(",") if w]
    try:
        return frozenset(RunState(word) for word in words)
    except ValueError:
        known = ", ".join(RunState)
        raise InvalidInput(f"state must be among {known}, but is {', '.join(words)[:80]!r}") from None


def cursor(request: web.Request) -> RunId | None:
    """Where a list goes on. A cursor is opaque to callers; a forged one at worst begins elsewhere."""
    text = request.query.get("cursor") or request.query.get("before")
    if not text:
        return None
    try:
        return parse_run_id(text)
    except NotFound:
        raise InvalidInput(
            f"the cursor {text[:64]!r} is not one of ours; take it from the last answer"
        ) from None


def idempotency_key(request: web.Request) -> str | None:
    """The caller's key, checked (B23)."""
    values = request.headers.getall("Idempotency-Key", [])
    if not values:
        return None
    key = values[0]
    if len(values) > 1 or not 1 <= len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidInput(f"Idempotency-Key must be sent once, as 1 to {MAX_KEY} printable ASCII characters")
    return key


def requester(request: web.Request) -> Requester:
    """Who asks, and how. Our command line says so in User-Agent; it decides nothing, it only explains."""
    agent = request.headers.get(hdrs.USER_AGENT, "")
    return requester_of(request, Trigger.CLI if agent.startswith("nicectl/") else Trigger.API)
