"""HTTP to a server, and the one place where its failures become ours.

The standard library's client on purpose: a command answers before a larger one would be imported.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import nice_cli
from nice_cli import exact
from nice_cli.called import called
from nice_cli.errors import Failure
from nice_cli.exits import Exit

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
CODES = {400: Exit.USAGE, 422: Exit.USAGE, 404: Exit.NOT_FOUND, 409: Exit.CONFLICT}


class Unreachable(Failure):
    """The server does not answer, or stopped in the middle of it."""


class Way(Protocol):
    """What leads to a server that cannot be reached by its address alone."""

    def ready(self) -> None:
        """Open it anew if it is no more. Raises Unreachable."""
        ...

    def broken(self) -> None:
        """Something did not come through it."""
        ...

    def unreachable(self, why: str) -> Unreachable:
        """What to raise when nothing comes through."""
        ...


@dataclass(frozen=True, slots=True)
class Http:
    """One server, by its base address such as ``http://localhost:9999``, and the token that it is shown ("":
    none). ``way`` is what leads there, None where the address does; ``handlers`` are for what is
    special about it."""

    base: str
    token: str = field(default="", repr=False)
    way: Way | None = None
    handlers: tuple[urllib.request.BaseHandler, ...] = ()

    def get(self, path: str, timeout: float = CONNECT_SECONDS, **query: Any) -> Any:
        """The JSON document at ``path``. Raises Failure. Query values that are None are left out."""
        return self._document(self._request("GET", path + _query(query)), timeout)

    def post(self, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to JSON text. Raises Failure."""
        return self._document(self._request("POST", path, body, headers or {}), CONNECT_SECONDS)

    def stream(self, path: str, last_event_id: str) -> Iterator[bytes]:
        """The lines of an event stream as they come; ends when the server ends it. Raises Failure."""
        headers = {"Accept": "text/event-stream"} | (
            {"Last-Event-ID": last_event_id} if last_event_id else {}
        )
        with self._open(self._request("GET", path, "", headers), SILENCE_SECONDS) as answer:
            while line := self._read(answer.readline):
                yield line

    def went_away(self) -> Unreachable:
        """What to raise when a stream ended before it said so: the server stops or restarts."""
        return self._unreachable(ConnectionResetError("it closed the connection"))

    def _request(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> urllib.request.Request:
        if not _is_address(self.base):
            raise _not_an_address(self.base)
        all_headers = {"Accept": "application/json", "User-Agent": f"nicectl/{nice_cli.version()}"}
        all_headers |= {"Content-Type": "application/json"} if body else {}
        data = body.encode() if method == "POST" else None
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            f"{self.base.rstrip('/')}{path}", data, all_headers | dict(headers or {}), method=method
        )
        if self.token:  # not for wherever a redirect leads
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        return request

    def _document(self, request: urllib.request.Request, timeout: float) -> Any:
        with self._open(request, timeout) as answer:
            content = self._read(answer.read)
        try:
            return exact.loads(content)
        except ValueError:
            raise _not_ours(self.base) from None

    def _open(self, request: urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
        if self.way is not None:
            self.way.ready()
        try:
            answer: http.client.HTTPResponse = _opener(self.base, *self.handlers).open(
                request, timeout=timeout
            )
        except urllib.error.HTTPError as error:
            raise refusal(error.code, error.read()) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        return answer

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = getattr(error, "reason", None) or error
        cause = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        if self.way is not None:
            self.way.broken()
            return self.way.unreachable(cause)
        return Unreachable(
            f"no server answers at {self.base} ({cause}). Start one with `{called()} dev DIR`, "
            "or name another with --server or NICE_SERVER.",
            Exit.SERVER,
        )


@dataclass(frozen=True, slots=True)
class _Refused:
    """What an answer with an error status says."""

    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


def refusal(status: int, body: bytes) -> Failure:
    """The failure that an answer with an error status means."""
    said = _read_refusal(status, body)
    if status == 401:
        return Failure(
            f"the server wants a token: {said.message if said else 'it answers 401'}. "
            f"Give {called()} one with --token-file FILE, NICE_TOKEN_FILE or NICE_TOKEN.",
            Exit.SERVER,
        )
    if said is None:
        return _speechless(status)
    lines = [said.message]
    for problem in said.details.get("problems", ()):
        place = f"{problem.get('field')}: " if problem.get("field") else ""
        if str(problem.get("message", "")) not in said.message:
            lines.append(f"  {place}{problem.get('message', '')}")
    nearest = [str(name) for name in said.details.get("nearest", ()) if str(name) not in said.message]
    if nearest:
        lines.append(f"  near to it: {', '.join(nearest)}")
    return Failure("\n".join(lines), CODES.get(status, Exit.SERVER))


def _read_refusal(status: int, body: bytes) -> _Refused | None:
    try:
        document = json.loads(body)
        return _Refused(str(document["message"]), document)
    except (ValueError, TypeError, KeyError):
        return None


def _speechless(status: int) -> Failure:
    reason = http.client.responses.get(status, "unknown")
    return Failure(
        f"the server answers {status} ({reason}) and says no more; is it Nice Commander?", Exit.SERVER
    )


def _opener(base: str, *handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """A proxy of the environment is for servers elsewhere, never for this machine."""
    host = urllib.parse.urlsplit(base).hostname
    direct = [urllib.request.ProxyHandler({})] if host in LOCAL_HOSTS else []
    return urllib.request.build_opener(*direct, *handlers)


def _query(query: Mapping[str, Any]) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return "?" + urllib.parse.urlencode(given, doseq=True) if given else ""


def _is_address(base: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(base)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return usable and parts.scheme in ("http", "https") and base.isprintable() and " " not in base


def _not_an_address(base: str) -> Failure:
    return Failure(
        f"{base!r} is not the address of a server; expected one like http://localhost:9999", Exit.USAGE
    )


def _not_ours(base: str) -> Failure:
    return Failure(
        f"what answers at {base} does not speak JSON; is it Nice Commander? "
        "Name another server with --server or NICE_SERVER.",
        Exit.SERVER,
    )
