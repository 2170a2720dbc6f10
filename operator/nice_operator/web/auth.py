"""Who may come in: every address but the open ones asks for a token, before anything is read or upgraded.

A token comes in the header ``Authorization``, as Bearer, or as the password of Basic with any user name (a
browser's own prompt; ``ws://user:token@host`` of node-workman's library). One in an address is not looked
at: addresses end up in logs. Where no tokens are configured, nobody is asked.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

from aiohttp import WSCloseCode, hdrs, web

from nice_operator.domain.errors import Unauthenticated
from nice_operator.ports import Clock, WorkerGate, WorkerIdentity
from nice_operator.web.identity import person_of, proxied_person
from nice_operator.web.keys import CLIENT, ENGINE, VIEWER, VISIT, WORKER
from nice_operator.web.routing import Access, Handler, access_of
from nice_operator.web.shares import Shares
from nice_operator.web.tokens import Tokens
from nice_operator.web.visits import Visits

LOOK_SECONDS = 1.0
"""How often the directory is read again. A socket whose token is gone ends within this and 2 s more."""

_HOW = "send it as Authorization: Bearer TOKEN, or as the password of Basic with any user name"
_MISSING = f"a token is needed here; {_HOW}"
_REFUSED = f"the token that was sent is not one of ours, or was revoked; {_HOW}"


class Doorkeeper:
    """Looks at tokens. ``tokens`` None: no client is asked. ``gate`` knows workers of pools; None: there is
    no door for them. ``rate``: see ``Shares``."""

    def __init__(
        self, tokens: Tokens | None = None, gate: WorkerGate | None = None, rate: float = 0.0
    ) -> None:
        self._shares = Shares(rate, monotonic)
        self._tokens = tokens
        self._gate = gate
        self.visits = Visits()

    async def attend(self, app: web.Application) -> AsyncIterator[None]:
        """``cleanup_ctx``: while the server runs, tokens that are gone end what they let in."""
        if self._tokens is None:
            yield
            return
        watching = asyncio.create_task(self._watch(self._tokens, app[ENGINE].clock))
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    async def _watch(self, tokens: Tokens, clock: Clock) -> None:
        while True:
            await clock.sleep(LOOK_SECONDS)
            await asyncio.to_thread(tokens.refresh)
            self.visits.end_unless(tokens.knows, WSCloseCode.POLICY_VIOLATION, "the token was revoked")

    async def serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the request in, or raise Unauthenticated."""
        access = access_of(request)
        if access is Access.WORKER:
            request[WORKER] = await self._worker(request)
        elif access is not Access.OPEN and self._tokens is not None:
            return await self._serve_client(request, handler, self._tokens)
        request[VIEWER] = person_of(request).shown
        return await handler(request)

    async def _serve_client(
        self, request: web.Request, handler: Handler, tokens: Tokens
    ) -> web.StreamResponse:
        """The word of a trusted proxy about its user stands for a token."""
        if person := proxied_person(request).shown:
            request[VIEWER] = person
            self._shares.spend(f"user {person}", _size(request))
            return await handler(request)
        client = tokens.client(_token(request))
        if client is None:
            raise Unauthenticated(_REFUSED)
        request[CLIENT] = client
        request[VIEWER] = client.name
        self._shares.spend(f"client {client.name}", _size(request))
        with self.visits.visit(client, request.transport) as visit:
            request[VISIT] = visit
            return await handler(request)

    async def _worker(self, request: web.Request) -> WorkerIdentity:
        identity = await self._gate.admit(_token(request)) if self._gate is not None else None
        if identity is None:
            raise Unauthenticated(_REFUSED)
        return identity


DOORKEEPER = web.AppKey("doorkeeper", Doorkeeper)


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The doorkeeper's middleware."""
    return await request.app[DOORKEEPER].serve(request, handler)


def _size(request: web.Request) -> int | None:
    """Bytes of the body, as it says; None when it does not."""
    return request.content_length if request.can_read_body else 0


def _token(request: web.Request) -> str:
    """The token that came with a request. Raises Unauthenticated when none did, or more than one."""
    values = request.headers.getall(hdrs.AUTHORIZATION, [])
    token = read_token(values[0]) if len(values) == 1 else ""
    if not token:
        raise Unauthenticated(_MISSING)
    return token


def read_token(header: str) -> str:
    """The token in an Authorization header; empty when there is none that can be read."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        credentials = b64decode(value.strip(), validate=True).decode()
    except (NotBase64, ValueError):
        return ""
    return credentials.partition(":")[2]
