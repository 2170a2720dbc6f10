"""The HTTP server on the real engine and store, in this process, with a scripted worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.ids import SessionId
from nice_operator.domain.task import Task
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import LogStore
from nice_operator.resources import read_definition, spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from nice_operator.web.app import make_app
from nice_operator.web.definitions import BrokenFile
from nice_operator.web.options import WebOptions
from nice_protocol.messages import Assign
from tests.fakes.worker import FakeWorker, finish_of
from tests.support.serving import serving

ECHO = {"python": {"source": "def run(payload):\n    return payload\n"}}


class NobodyKnown:
    """Nothing is known of any session beside its lease."""

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        """Neither dead nor alive."""
        return frozenset(), sessions


class Files:
    """The folder's report, as a test sets it."""

    def __init__(self) -> None:
        self.found: Sequence[BrokenFile] = ()

    def broken(self) -> Sequence[BrokenFile]:
        """What the test said."""
        return self.found


@dataclass
class ApiServer:
    """A server to call; ``client`` is one that is no browser."""

    engine: Engine
    client: TestClient[Any, Any]
    files: Files
    workers: list[FakeWorker] = field(default_factory=list)

    @property
    def base(self) -> str:
        """``http://127.0.0.1:port``."""
        return str(self.client.make_url("")).rstrip("/")

    async def define(self, name: str, namespace: str = "default", **spec: Any) -> Task:
        """Apply a NiceTask. Without more it echoes its payload and is stopped after a minute."""
        document = {
            "apiVersion": "nicecommander.dev/v1beta1",
            "kind": "NiceTask",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"timeoutAfter": "1 minute", "run": ECHO, **spec},
        }
        uid = f"{namespace}/{name}"
        return await self.engine.tasks.put(
            read_definition(document, uid=uid, generation=0, origin="t.yaml:1")
        )

    async def worker(self, name: str = "fake", **options: Any) -> FakeWorker:
        """A connected worker that does what the test tells it to."""
        worker = await FakeWorker.direct(self.engine.workers, name, **options)
        self.workers.append(worker)
        return worker

    async def get(self, path: str, **options: Any) -> ClientResponse:
        """GET, without following redirects."""
        return await self.client.get(path, allow_redirects=False, **options)

    async def post(self, path: str, **options: Any) -> ClientResponse:
        """POST, without following redirects."""
        return await self.client.post(path, allow_redirects=False, **options)

    async def run(self, task: str, **body: Any) -> dict[str, Any]:
        """Ask for a run over the API."""
        answer = await self.post(f"/api/v1/tasks/default/{task}/runs", json=body)
        assert answer.status == 201, await answer.text()
        document: dict[str, Any] = await answer.json()
        return document


Serve = Callable[..., Awaitable[ApiServer]]


@asynccontextmanager
async def api_server(
    data: Path,
    options: WebOptions | None = None,
    settings: EngineSettings | None = None,
    http: dict[str, Any] | None = None,
    keeping: Callable[[SqlStore], LogStore] = lambda store: store.logs,
    **access: Any,
) -> AsyncIterator[ApiServer]:
    """A running engine on a SQLite file in ``data``, and the server on a free port of the loopback.
    ``http``: options of the HTTP server. ``keeping``: where logs are, if not in the database.
    ``access``: ``tokens`` and ``gate`` of ``make_app``."""
    store = await SqlStore.open(data / f"{uuid4().hex}.db", read_spec=spec_from_manifest)
    wanted = settings or EngineSettings(lease=None, every_pool=True, poll=0.2)
    engine = Engine(store, keeping(store), LocalWakeups(), NobodyKnown(), SystemClock(), wanted)
    files = Files()
    server = await serving(make_app(engine, files, options, **access), **(http or {}))
    await engine.start()
    client: TestClient[Any, Any] = TestClient(server, auto_decompress=False)
    api = ApiServer(engine, client, files)
    try:
        yield api
    finally:
        for worker in api.workers:
            await worker.close()
        await client.close()
        await engine.stop()
        await store.close()


def returns(result: str) -> Callable[[Assign], Any]:
    """A worker's habit: every run succeeds with this JSON text."""
    return lambda run: finish_of(run, result=result)


def echoes(run: Assign) -> Any:
    """A worker's habit: the payload is the result."""
    return finish_of(run, result=run.payload)
