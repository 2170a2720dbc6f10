"""The one place where an error becomes an answer: JSON for programs, a page for people, never a traceback."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from nice_operator.domain.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    KeyReused,
    NiceError,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from nice_operator.web.answers import json_bytes, page
from nice_operator.web.guard import Misdirected
from nice_operator.web.keys import OPTIONS, REQUEST_ID

_log = logging.getLogger(__name__)

_STATUS: dict[type[NiceError], int] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    KeyReused: 422,
    TooMany: 429,
    Unavailable: 503,
}
_RETRY_SECONDS = 2
_CHALLENGE = 'Basic realm="Nice Commander", charset="UTF-8", Bearer realm="Nice Commander"'
"""Basic first: it is what browsers ask people for."""
_PROGRAMS = (
    "/api/", "/task/", "/tasks", "/schedule/", "/scheduled/", "/websocket", "/worker", "/healthz", "/readyz"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as every door tells it: status, sentence, and what helps to act on it."""

    status: int
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def document(self) -> dict[str, Any]:
        """As JSON: node-workman's three words first."""
        return {"statusCode": self.status, "error": self.title, "message": self.message, **self.details}


def refusal_of(error: Exception, request_id: str) -> Refusal:
    """What to tell the caller. An error that we did not foresee is logged, and told by its id only."""
    if isinstance(error, NiceError):
        return _of_nice(error)
    if isinstance(error, Misdirected):
        return Refusal(421, str(error))
    if isinstance(error, web.HTTPException):
        return _of_http(error)
    _log.error("request %s failed", request_id, exc_info=error)
    return Refusal(
        500,
        f"something went wrong on our side; the server's log has the details under request id {request_id}",
        {"requestId": request_id},
    )


def _of_nice(error: NiceError) -> Refusal:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    details: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInput) and error.problems:
        details["problems"] = [
            {"field": p.field, "message": p.message, **({"line": p.line} if p.line else {})}
            for p in error.problems
        ]
    if isinstance(error, Conflict):
        details |= {"run": str(error.run)} if error.run else {}
        details |= {"state": error.state} if error.state else {}
    if isinstance(error, NotFound) and error.nearest:
        details["nearest"] = list(error.nearest)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = _CHALLENGE
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return Refusal(status, str(error), details, headers)


def _of_http(error: web.HTTPException) -> Refusal:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Refusal(405, f"this address takes {allowed}", headers={"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Refusal(413, "the body is too large: at most 1 MiB (1048576 bytes) is read")
    if error.status == 404:
        return Refusal(404, "there is nothing at this address")
    return Refusal(error.status, error.text or error.reason)


def answer(request: web.Request, refusal: Refusal) -> web.Response:
    """``refusal`` as a page if the caller is a browser looking at pages, as JSON for everybody else."""
    if wants_page(request):
        context = {"refusal": refusal, "request_id": request.get(REQUEST_ID, "")}
        response = page(request, "error.html", context, status=refusal.status)
    else:
        response = web.Response(
            body=json_bytes(refusal.document()).rstrip(b"\n"),  # to the byte what node-workman's clients know
            status=refusal.status,
            content_type="application/json",
            charset="utf-8",
        )
    response.headers.update(refusal.headers)
    return response


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer: browsers say so in Accept; addresses for programs never do."""
    return "text/html" in request.headers.get("Accept", "") and not program_path(request)


def program_path(request: web.Request) -> bool:
    """Whether the address belongs to an API."""
    path = request.path.removeprefix(request.app[OPTIONS].base_path)
    return path.startswith(_PROGRAMS)
