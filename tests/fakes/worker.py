"""A scripted worker: says what a test tells it to, keeps what it is sent, obeys the protocol's own rules.

``FakeWorker.direct`` talks to a ``WorkerHub`` in the same process, ``FakeWorker.over_socket`` over a real
WebSocket. Both speak through the real codec, so what a test sees is what a worker would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from nice_operator.engine.connection import WorkerConnection
from nice_operator.engine.workers import WorkerHub
from nice_protocol.codec import Codec
from nice_protocol.messages import (
    Assign,
    Credit,
    Draining,
    Finish,
    Finished,
    FromOperator,
    FromWorker,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Host,
    Log,
    LogAck,
    LogEnd,
    LogLines,
    Refused,
    Release,
    ResumedRun,
    RunRef,
    Start,
    Started,
    Welcome,
)
from nice_protocol.session import WorkerSession

T = TypeVar("T", bound=FromOperator)
WITHIN = 10.0
CODEC = Codec(json.dumps, json.loads)
ANSWERS: Any = Started | Refused
HOST = Host("fake-host", 1_000_000, [0.1, 0.2, 0.3])


class FakeWorker:
    """One life of a worker (one session id); it may connect again and again."""

    def __init__(
        self,
        name: str = "fake",
        *,
        slots: int = 4,
        pool: str = "default",
        headers: dict[str, str] | None = None,
        **labels: str,
    ) -> None:
        self.name = name
        self.session_id = str(uuid4())
        self.slots = slots
        self.pool = pool
        self.labels = labels
        self.headers = headers
        self.session = WorkerSession()
        self.closed: tuple[int, str] | None = None
        self.received: list[FromOperator] = []
        self._transmit: Callable[[FromWorker], Any] | None = None
        self._unread: list[FromOperator] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._hang_up: Callable[[], Any] | None = None

    # ------------------------------------------------------------ connecting

    @classmethod
    async def direct(cls, hub: WorkerHub, name: str = "fake", **options: Any) -> FakeWorker:
        """A worker that is connected and welcome."""
        worker = cls(name, **options)
        await worker.connect(hub)
        return worker

    async def connect(self, hub: WorkerHub, resume: tuple[ResumedRun, ...] = ()) -> Welcome:
        """Connect (again) in process."""
        hello = self._begin(resume)
        connection = await hub.connect(_through_codec(hello), _Direct(self))
        self._transmit = lambda message: connection.receive(_through_codec(message))
        self._hang_up = lambda: _leave(hub, connection)
        return await self.expect(Welcome)

    @classmethod
    async def over_socket(
        cls, client: ClientSession, url: str, name: str = "fake", **options: Any
    ) -> FakeWorker:
        """A worker that is connected over a WebSocket, and welcome."""
        worker = cls(name, **options)
        await worker.dial(client, url)
        return worker

    async def dial(self, client: ClientSession, url: str, resume: tuple[ResumedRun, ...] = ()) -> Welcome:
        """Connect (again) over a WebSocket."""
        hello = self._begin(resume)
        socket = await client.ws_connect(url, max_msg_size=0, headers=self.headers)
        self._transmit = lambda message: socket.send_str(CODEC.encode(message))
        self._hang_up = socket.close
        self._spawn(self._read(socket))
        await self._transmit(hello)
        return await self.expect(Welcome)

    def _begin(self, resume: tuple[ResumedRun, ...]) -> Hello:
        self.session = WorkerSession()
        self.closed = None
        hello = Hello(
            [1], self.session_id, self.name, self.pool, self.slots, HOST, dict(self.labels), list(resume)
        )
        self.session.send(hello)
        return hello

    async def _read(self, socket: ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                self.take(CODEC.from_operator(frame.data))
        self.end(socket.close_code or 0, "")

    async def leave(self) -> None:
        """The connection drops; the runs are still in hand."""
        assert self._hang_up is not None
        await self._hang_up()

    # ------------------------------------------------------------ hearing

    def take(self, message: FromOperator) -> None:
        """A message came."""
        self.session.receive(message)
        self.received.append(message)
        self._unread.append(message)
        self._spawn(self._tell())

    def end(self, code: int, reason: str) -> None:
        """The operator closed the connection."""
        self.closed = (code, reason)
        self._spawn(self._tell())

    async def expect(self, kind: type[T], about: Callable[[T], bool] = lambda _: True) -> T:
        """The oldest unread message of this kind (that ``about`` accepts), as soon as it is there."""
        found: list[T] = []

        def there() -> bool:
            found[:] = [m for m in self._unread if isinstance(m, kind) and about(m)][:1]
            return bool(found)

        await self._until(there, f"worker {self.name} waits for {kind}; it has {self._unread}")
        self._unread.remove(found[0])
        return found[0]

    async def until_closed(self) -> tuple[int, str]:
        """The code and reason with which the operator ended the connection."""
        await self._until(lambda: self.closed is not None, f"worker {self.name} waits to be closed")
        assert self.closed is not None
        return self.closed

    def unread(self, kind: type[T]) -> list[T]:
        """What came of this kind and was not asked for yet."""
        return [message for message in self._unread if isinstance(message, kind)]

    async def _until(self, condition: Callable[[], bool], text: str) -> None:
        try:
            async with asyncio.timeout(WITHIN), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            raise AssertionError(text) from None

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    # ------------------------------------------------------------ speaking

    async def send(self, message: FromWorker) -> None:
        """Say something that the rules allow."""
        self.session.send(message)
        await self.send_raw(message)

    async def send_raw(self, message: FromWorker) -> None:
        """Say anything."""
        assert self._transmit is not None
        await self._transmit(message)

    async def credit(self, add: int) -> None:
        """Ask for work."""
        await self.send(Credit(add))

    async def start(self, run: Assign) -> Started | Refused:
        """Ask to pass the start barrier; returns the answer."""
        await self.send(Start(run.run, run.epoch, HOST))
        return await self.expect(ANSWERS, lambda m: m.run == run.run)

    async def begin(self, run: Assign) -> None:
        """Start, and be sure that it was allowed."""
        answer = await self.start(run)
        assert isinstance(answer, Started), answer

    async def log(self, run: Assign, text: str, first: int = 1, stream: str = "stdout") -> LogAck:
        """Send lines; returns when they are stored."""
        lines = LogLines(first, text.count("\n"), 1_700_000_000_000_000, stream, text)
        await self.send(Log(run.run, run.epoch, [lines]))
        return await self.expect(LogAck, lambda m: m.run == run.run)

    async def finish(self, run: Assign, state: str = "succeeded", **fields: Any) -> Finished:
        """Report the end; returns when it is settled."""
        await self.send(finish_of(run, state, **fields))
        return await self.expect(Finished, lambda m: m.run == run.run)

    async def release(self, run: Assign, code: str = "", message: str = "") -> None:
        """Hand a run back."""
        await self.send(Release(run.run, run.epoch, code, message))

    async def heartbeat(self, *runs: Assign) -> HeartbeatAck:
        """Say that these are still held."""
        await self.send(Heartbeat(1, [RunRef(run.run, run.epoch) for run in runs]))
        return await self.expect(HeartbeatAck)

    async def draining(self) -> None:
        """Take no more work."""
        await self.send(Draining())

    # ------------------------------------------------------------ working by itself

    def serve(self, behave: Callable[[Assign], Finish] | None = None) -> None:
        """From now on execute everything: start, then report what ``behave`` says."""
        self._spawn(self._serve(behave or finish_of))

    async def _serve(self, behave: Callable[[Assign], Finish]) -> None:
        await self.credit(self.slots)
        while True:
            run = await self._next_assignment()
            self._spawn(self._execute(run, behave))

    async def _next_assignment(self) -> Assign:
        async with self._news:
            await self._news.wait_for(lambda: bool(self.unread(Assign)))
        run = self.unread(Assign)[0]
        self._unread.remove(run)
        return run

    async def _execute(self, run: Assign, behave: Callable[[Assign], Finish]) -> None:
        if isinstance(await self.start(run), Started):
            await self.send(behave(run))
            await self.expect(Finished, lambda m: m.run == run.run)
        await self.credit(1)

    async def close(self) -> None:
        """End everything that this worker does by itself, and its connection."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._hang_up is not None and self.closed is None:
            await self._hang_up()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def finish_of(run: Assign, state: str = "succeeded", **fields: Any) -> Finish:
    """A report; a success has the result null and a complete, empty log."""
    defaults: dict[str, Any] = {"outcome": str(uuid4()), "reason": "Done", "log": LogEnd(0, True)}
    if state == "succeeded":
        defaults["result"] = "null"
    return Finish(run=run.run, epoch=run.epoch, state=state, **{**defaults, **fields})


def _through_codec(message: Any) -> Any:
    return CODEC.from_worker(CODEC.encode(message))


async def _leave(hub: WorkerHub, connection: WorkerConnection) -> None:
    await hub.disconnect(connection)


class _Direct:
    """A channel that hands every message over at once."""

    def __init__(self, worker: FakeWorker) -> None:
        self._worker = worker

    def send(self, message: FromOperator) -> None:
        self._worker.take(CODEC.from_operator(CODEC.encode(message)))

    def close(self, code: int, reason: str) -> None:
        self._worker.end(code, reason)
