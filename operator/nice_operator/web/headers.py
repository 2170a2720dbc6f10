"""The headers that every answer carries."""

from __future__ import annotations

from aiohttp import hdrs, web

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it, browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

NO_CONTENT_TYPE = web.ResponseKey("no_content_type", bool)
"""Set on an answer whose body is empty and has no type (``POST /task/{name}`` with a null result)."""


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """``on_response_prepare``: runs for every answer, those of errors and streams too."""
    add_headers_to(response)


def add_headers_to(response: web.StreamResponse) -> None:
    """The same for an answer that no request led to."""
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers[hdrs.SERVER] = "nice-commander"
    if response.get(NO_CONTENT_TYPE, False):
        response.headers.popall(hdrs.CONTENT_TYPE, None)
