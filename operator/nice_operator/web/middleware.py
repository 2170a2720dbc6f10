"""What happens around every request: an id, the guards, and errors turned into answers."""

from __future__ import annotations

import logging
from uuid import uuid4

from aiohttp import hdrs, web

from nice_operator.web.errors import answer, refusal_of
from nice_operator.web.guard import SAFE_METHODS, check_host, check_origin
from nice_operator.web.keys import OPTIONS, REQUEST_ID
from nice_operator.web.routing import Handler

_log = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499
"""What others call it, too, in their logs; nobody is there to read it."""


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id; it is in the answer's header, and in our log when something fails."""
    request[REQUEST_ID] = uuid4().hex[:12]
    response = await handler(request)
    if not response.prepared:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    return response


@web.middleware
async def translate_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever was raised becomes an answer; redirects are one already."""
    try:
        return await handler(request)
    except (web.HTTPRedirection, web.HTTPSuccessful):
        raise
    except Exception as error:
        return answer(request, refusal_of(error, request[REQUEST_ID]))


@web.middleware
async def let_go(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever hangs up in the middle of their question or of our answer may do so: it is no error of ours."""
    try:
        return await handler(request)
    except ConnectionError as error:
        if request.transport is not None and not request.transport.is_closing():
            raise
        _log.debug("%s hung up: %s", request.remote or "a local caller", error)
        return web.Response(status=CLIENT_CLOSED_REQUEST, reason="Client Closed Request")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign hosts, foreign pages and compressed bodies before anything is read."""
    check_host(request.headers.get(hdrs.HOST, ""), request.app[OPTIONS].hosts)
    if request.method not in SAFE_METHODS or hdrs.UPGRADE in request.headers:
        check_origin(request.headers)
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="compressed bodies are not read; send the body as it is")
    return await handler(request)
