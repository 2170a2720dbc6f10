"""Payloads on their way in: strict JSON, kept as text so that no digit changes."""

from __future__ import annotations

from aiohttp import web

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.strict_json import dump_json, parse_json
from nice_operator.web.requests import MAX_DEPTH, body_text, require_json


async def payload_of_body(request: web.Request) -> str | None:
    """The payload in a ``/api/v1`` body ``{"payload": …}``; None when the task's own default is wanted."""
    require_json(request)
    text = await body_text(request)
    if not text.strip():
        return None
    document = parse_json(text, max_depth=MAX_DEPTH + 1)
    if not isinstance(document, dict):
        raise InvalidInput('the body must be an object such as {"payload": {"name": "Ada"}}')
    unknown = sorted(set(document) - {"payload"})
    if unknown:
        raise InvalidInput(
            f"the body has an unknown field {unknown[0][:64]!r}; the only one is payload",
            (Problem(unknown[0][:64], "unknown; the only field is payload"),),
        )
    return dump_json(document["payload"]) if "payload" in document else None


def payload_of_text(text: str) -> str | None:
    """What was typed as payload, checked; None (the default payload) when nothing was."""
    if not text.strip():
        return None
    parse_json(text, max_depth=MAX_DEPTH)
    return text.strip()
