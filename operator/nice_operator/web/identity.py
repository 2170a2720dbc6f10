"""Who is at the other end: the user whom a proxy that we trust names, else the client whose token it is.

Anybody can send a header. So the headers count only when the connection itself comes from an address that
was named; from everywhere else they are as if they were not there.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.run import Requester, Trigger
from nice_operator.web.keys import CLIENT, OPTIONS

LONGEST = 253
_CLIENTS = "client\n"
"""No header has a line break in it, so no user can pass for a client."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user by name and email; each is empty when it is not known."""

    name: str = ""
    email: str = ""

    @property
    def shown(self) -> str:
        """How a page calls them; empty for nobody."""
        return self.name or self.email


def person_of(request: web.Request) -> Person:
    """The user or client. Raises InvalidInput as ``proxied_person`` does."""
    person, client = proxied_person(request), request.get(CLIENT)
    return person if person.shown or client is None else Person(client.name)


def identity_of(request: web.Request) -> str:
    """Who sends results: those of one identity may come on any of its connections. Where nobody is asked,
    all are the same."""
    person, client = proxied_person(request), request.get(CLIENT)
    return person.shown if person.shown or client is None else f"{_CLIENTS}{client.name}"


def proxied_person(request: web.Request) -> Person:
    """The user that a trusted proxy names. Raises InvalidInput when it names two: one of them is forged."""
    proxy = request.app[OPTIONS].proxy
    if not proxy.trusts(request.remote):
        return Person()
    return Person(_header(request, proxy.user_header), _header(request, proxy.email_header))


def requester_of(request: web.Request, trigger: Trigger) -> Requester:
    """Who asks, and how."""
    person = person_of(request)
    return Requester(trigger, person.name, person.email)


def _header(request: web.Request, name: str) -> str:
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise InvalidInput(
            f"the header {name} came {len(values)} times; "
            "the proxy must replace what its visitors send, not add to it"
        )
    text = values[0] if values else ""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()[:LONGEST]
