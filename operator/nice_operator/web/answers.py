"""Answers in their two forms: JSON whose numbers keep every digit, and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from nice_operator.web.keys import TEMPLATES, VIEWER


def json_bytes(document: Any) -> bytes:
    """Compact JSON. Payloads and results go in as ``orjson.Fragment``: the text itself, digit for digit."""
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def json_response(
    document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """``document`` as ``application/json``."""
    return web.Response(
        body=json_bytes(document),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def page(
    request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200
) -> web.Response:
    """The page ``template`` makes of ``context``."""
    shown = {"viewer": request.get(VIEWER, ""), **context}
    text = request.app[TEMPLATES].get_template(template).render(shown)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def attachment(name: str) -> dict[str, str]:
    """Headers of a download: never shown by a browser, whatever is in it."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
    return {"Content-Disposition": f'attachment; filename="{safe}"'}
