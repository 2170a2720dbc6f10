"""A server on loopback that answers as a script says and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What to send. ``hold`` keeps the connection open after the body until the server is told to let go."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    hold: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: str
    headers: Message
    body: str


@dataclass
class Script:
    """Answers by (method, path): each is given once, the last one for ever."""

    answers: dict[tuple[str, str], deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    requests: list[Request] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    base: str = ""

    def json(self, method: str, path: str, document: Any, status: int = 200) -> None:
        """Answer with a document."""
        self.answers[method, path].append(Answer(json.dumps(document).encode(), status))

    def raw(self, method: str, path: str, answer: Answer) -> None:
        """Answer with these bytes."""
        self.answers[method, path].append(answer)

    def events(self, path: str, *events: tuple[str, Any, str | None], hold: bool = False) -> None:
        """Answer with server-sent events (kind, data, id), then end the stream."""
        text = "retry: 1000\n\n: still here\n\n"
        for kind, data, identity in events:
            text += f"id: {identity}\n" if identity is not None else ""
            text += f"event: {kind}\ndata: {json.dumps(data)}\n\n"
        self.raw("GET", path, Answer(text.encode(), kind="text/event-stream", hold=hold))

    def take(self, request: Request) -> Answer:
        """The next answer to ``request``."""
        if request.path == "/healthz":  # whether anybody answers; of no interest to a test
            return Answer(b'{"status":"ok"}')
        self.requests.append(request)
        planned = self.answers.get((request.method, request.path))
        if not planned:
            return Answer(b'{"statusCode":404,"error":"Not Found","message":"not in the script"}', 404)
        return planned.popleft() if len(planned) > 1 else planned[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that goes, or that does not believe a certificate, is no news."""


@contextmanager
def serve(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """Run the script on a free port; with ``tls`` as HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            address = urlsplit(self.path)
            request = Request(
                self.command,
                address.path,
                address.query,
                self.headers,
                self.rfile.read(length).decode(),
            )
            answer = script.take(request)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
            if answer.hold:
                script.held.set()
                script.let_go.wait(30)

        do_POST = do_GET  # noqa: N815 - the base class calls it so

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    script.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        script.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
