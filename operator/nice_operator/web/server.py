"""The HTTP server itself: what is answered before there is a request, in our words and with our headers."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from nice_operator.web.answers import json_bytes
from nice_operator.web.errors import Refusal
from nice_operator.web.headers import add_headers_to

_log = logging.getLogger(__name__)

RUNNER_OPTIONS: dict[str, Any] = {
    # Nobody may make us unpack 200 MB from 194 kB (the guard refuses such bodies; this never starts to).
    "auto_decompress": False,
    "access_log": None,
    # Also how long the head of a first request may take, however slowly it drips.
    "keepalive_timeout": 75.0,
}
"""Keyword arguments for ``HttpRunner``."""


class HttpRunner(web.AppRunner):
    """``aiohttp.web.AppRunner`` with our connections."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **self._kwargs)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """400: what came is no HTTP. Strangers send such things all day, so it is no error of ours to log;
        nothing of it is repeated."""
        if status != 400:
            response = super().handle_error(request, status, exc, message)
        else:
            why = (message or "").partition("\n")[0].partition(":")[0]
            _log.debug("a request from %s is no HTTP: %s", request.remote, why)
            response = web.Response(
                status=400,
                body=json_bytes(Refusal(400, f"this is no HTTP request that can be read: {why}").document()),
                content_type="application/json",
                charset="utf-8",
            )
            response.force_close()
        add_headers_to(response)
        return response
