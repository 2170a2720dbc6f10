"""Payloads on their way in: strict JSON, kept as text so that no digit changes."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.json_members import Member, object_members
from nice_operator.domain.strict_json import parse_json
from nice_operator.web.aside import read_aside
from nice_operator.web.masking import unmasked
from nice_operator.web.requests import MAX_DEPTH, body_text, require_json


async def payload_of_body(request: web.Request) -> str | None:
    """The payload in a ``/api/v1`` body ``{"payload": …}``; None when the task's own default is wanted."""
    require_json(request)
    text = await body_text(request)
    if not text.strip():
        return None
    document = await read_aside(_members, text)
    unknown = sorted(set(document) - {"payload"})
    if unknown:
        raise InvalidInput(
            f"the body has an unknown field {unknown[0][:64]!r}; the only one is payload",
            (Problem(unknown[0][:64], "unknown; the only field is payload"),),
        )
    return document["payload"].text if "payload" in document else None


def _members(text: str) -> Mapping[str, Member]:
    if text.lstrip()[:1] != "{":
        parse_json(text, max_depth=MAX_DEPTH + 1)
        raise InvalidInput('the body must be an object such as {"payload": {"name": "Ada"}}')
    return object_members(text, max_depth=MAX_DEPTH + 1)


async def payload_of_text(text: str, original: str) -> str | None:
    """What was typed as payload, checked, over what was shown of ``original``; None (the default payload)
    when nothing was."""
    if not text.strip():
        return None
    return await read_aside(lambda typed: _typed(typed, original), text.strip())


async def payload_of_job(request: web.Request) -> str | None:
    """The payload that a whole body is, whatever its declared type; None when there is none."""
    text = (await body_text(request)).strip()
    if not text:
        return None
    await read_aside(parse_json, text)
    return text


def _typed(text: str, original: str) -> str:
    parse_json(text, max_depth=MAX_DEPTH)
    return unmasked(text, original)
