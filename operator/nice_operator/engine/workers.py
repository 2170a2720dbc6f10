"""The workers that are connected to this operator."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from nice_operator.domain.errors import Conflict, NotFound, Unavailable
from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.engine import topics, wire
from nice_operator.engine.connection import POLICY_VIOLATION, Channel, WorkerConnection
from nice_operator.engine.holdings import Holding
from nice_operator.engine.refusals import TaskVersion
from nice_operator.engine.reports import Reports
from nice_operator.engine.resume import Comparison, compare, forgotten_outcome
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Clock, OpenSession, Store, Wakeups, WorkerIdentity
from nice_protocol.errors import Code, ProtocolError
from nice_protocol.messages import Hello, Welcome
from nice_protocol.session import OperatorSession
from nice_protocol.version import negotiate

_log = logging.getLogger(__name__)

GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class WorkerRun:
    """A run in a worker's hands."""

    id: RunId
    namespace: str
    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A connected worker, for pages and programs. ``free`` is how many runs it asks for now; ``refusals`` are
    the tasks that do not want it for now, with their reasons; ``queues`` those of external tasks that it
    serves; ``replica`` the other server that it is connected to ("": this one)."""

    session: SessionId
    worker: str
    pool: str
    labels: dict[str, str]
    slots: int
    free: int
    draining: bool
    connected_at: datetime
    runs: tuple[WorkerRun, ...]
    refusals: Mapping[TaskVersion, str] = field(default_factory=dict)
    queues: frozenset[str] = frozenset()
    replica: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class WorkerHub:
    """Connections by session. One per session, one session per worker of a pool: the newest wins."""

    def __init__(
        self, store: Store, reports: Reports, wakeups: Wakeups, clock: Clock, settings: EngineSettings
    ) -> None:
        self._store = store
        self._reports = reports
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._connections: dict[SessionId, WorkerConnection] = {}
        self._connecting = asyncio.Lock()
        self._draining = False

    # ------------------------------------------------------------ connections

    async def connect(
        self, hello: Hello, channel: Channel, identity: WorkerIdentity | None = None
    ) -> WorkerConnection:
        """Take a worker in; it has been sent ``welcome`` when this returns. ``identity`` is who it is known
        to be (None: nobody was asked), and then it cannot say that it is another.

        Raises ProtocolError when the hello cannot be accepted, and Unavailable when the database does not
        answer: close the socket then, the worker comes again.
        """
        session = OperatorSession()
        hello = session.receive(hello)  # type: ignore[assignment]
        _check_identity(hello, identity)
        version = negotiate(hello.versions)
        async with self._connecting:
            return await self._admit(hello, version, session, channel)

    async def _admit(
        self, hello: Hello, version: int, session: OperatorSession, channel: Channel
    ) -> WorkerConnection:
        worker = wire.open_session(hello)
        try:
            await self._store.open_session(worker)
        except Conflict as fenced:
            raise ProtocolError(Code.FENCED, str(fenced), hello.type) from None
        self._fence(worker)
        found = compare(hello, worker.id, await self._store.held(worker.id))
        now = await self._store.now()
        connection = WorkerConnection(
            worker, session, channel, self._reports, self._clock, self._changed, now
        )
        self._connections[worker.id] = connection
        try:
            self._welcome(connection, version, found)
            await self._settle_forgotten(connection, found)
        except BaseException:
            self._forget(connection)
            raise
        return connection

    def _forget(self, connection: WorkerConnection) -> None:
        """Nobody will listen to a connection that was not fully made."""
        connection.closed()
        if self._connections.get(connection.worker.id) is connection:
            del self._connections[connection.worker.id]
        self._wakeups.publish(topics.WORKERS)

    def _welcome(self, connection: WorkerConnection, version: int, found: Comparison) -> None:
        settings = self._settings
        discard = [wire.ref(run) for run in found.discard]
        connection.send(Welcome(version, settings.heartbeat, settings.lease, discard))
        for claimed in found.kept:
            holding = connection.hold(claimed)
            if holding.cancel_requested:
                connection.cancel(claimed.run.id)
        if self._draining:
            connection.drain()
        self._wakeups.publish(topics.WORKERS)

    async def _settle_forgotten(self, connection: WorkerConnection, found: Comparison) -> None:
        """Runs that the store says this worker holds and that it does not know: never assigned for it."""
        for held in found.never_arrived:
            await self._reports.release(held)
        for claimed in found.forgotten:
            holding = connection.hold(claimed)
            await self._reports.finish(holding.held, holding, forgotten_outcome(connection.worker.worker))
            connection.lose([holding.held])

    def _fence(self, worker: OpenSession) -> None:
        """In step with the store: a worker is a name in a pool."""
        for other in list(self._connections.values()):
            same = (other.worker.worker, other.worker.pool) == (worker.worker, worker.pool)
            if other.worker.id == worker.id or same:
                other.refuse(
                    Code.FENCED, f"worker {worker.worker} has connected anew; this one ends", "hello"
                )
                other.end(POLICY_VIOLATION, Code.FENCED)
                del self._connections[other.worker.id]

    async def disconnect(self, connection: WorkerConnection) -> None:
        """Its socket is gone. A worker that left with nothing in hand closes its session; any other may
        come back to the same one while its lease lasts."""
        connection.closed()
        await connection.settled()
        if self._connections.get(connection.worker.id) is connection:
            del self._connections[connection.worker.id]
            if connection.draining and not len(connection.holdings):
                await self._close_session(connection)
        self._wakeups.publish(topics.WORKERS)

    async def _close_session(self, connection: WorkerConnection) -> None:
        """A session that stays open does no harm: it holds nothing, and the worker's next one replaces it."""
        try:
            await self._store.close_session(connection.worker.id)
        except Unavailable as error:
            _log.warning("the session of worker %s stays open: %s", connection.worker.worker, error)

    def _changed(self, connection: WorkerConnection) -> None:
        if connection.assignable:
            self._wakeups.publish(topics.QUEUE)
        self._wakeups.publish(topics.WORKERS)

    # ------------------------------------------------------------ for the rest of the engine

    def hungry(self) -> Sequence[WorkerConnection]:
        """Connections that ask for work, the hungriest first."""
        asking = [connection for connection in self._connections.values() if connection.assignable]
        return sorted(asking, key=lambda connection: -connection.assignable)

    def cancel(self, run_id: RunId) -> None:
        """Tell whoever holds the run to stop it. A worker of another replica hears it by heartbeat."""
        for connection in list(self._connections.values()):
            connection.cancel(run_id)

    async def recheck(self, tasks: Collection[TaskId]) -> None:
        """Stop at once what the store asked to stop of these tasks (Replace, a deleted task)."""
        for connection in list(self._connections.values()):
            for holding in connection.holdings:
                if holding.claimed.run.task_id in tasks and not holding.cancel_requested:
                    run = await self._store.get_run(holding.held.id)
                    if run is not None and run.cancel_requested_at is not None:
                        connection.cancel(run.id)

    def list(self) -> Sequence[WorkerInfo]:
        """The connected workers by name."""
        infos = (_info(connection) for connection in self._connections.values())
        return sorted(infos, key=lambda info: info.worker)

    @property
    def busy(self) -> bool:
        """Whether any worker holds a run."""
        return any(len(connection.holdings) for connection in self._connections.values())

    @property
    def connected(self) -> bool:
        """Whether any worker is connected here."""
        return bool(self._connections)

    def has(self, session: SessionId) -> bool:
        """Whether this session is connected here."""
        return session in self._connections

    def holdings(self) -> Iterator[Holding]:
        """What the workers connected here hold."""
        for connection in tuple(self._connections.values()):
            yield from connection.holdings

    def drain(self, session: SessionId) -> None:
        """Ask one worker to take no more work. Raises NotFound."""
        connection = self._connections.get(session)
        if connection is None:
            raise NotFound(f"no worker with session {session} is connected here")
        connection.drain()

    def drain_all(self) -> None:
        """Ask every worker to take no more work, those too that connect from now on."""
        self._draining = True
        for connection in list(self._connections.values()):
            connection.drain()

    async def close(self) -> None:
        """End every connection; workers go on and come back to the next operator."""
        for connection in list(self._connections.values()):
            connection.end(GOING_AWAY, "the operator is going away")
            await connection.settled()
        self._connections.clear()


def _check_identity(hello: Hello, identity: WorkerIdentity | None) -> None:
    """Raises ProtocolError for a hello that names another pool or worker than the token proves."""
    if identity is None:
        return
    for what, said, proven in (
        ("pool", hello.pool, identity.pool),
        ("worker", hello.worker, identity.worker),
    ):
        if proven and said != proven:
            raise ProtocolError(
                Code.NOT_ADMITTED,
                f"the token is for the {what} {proven}, but hello says {said[:253]!r}; name the token's own",
                hello.type,
            )


def _info(connection: WorkerConnection) -> WorkerInfo:
    runs = (holding.claimed.run for holding in connection.holdings)
    worker = connection.worker
    return WorkerInfo(
        session=worker.id,
        worker=worker.worker,
        pool=worker.pool,
        labels=dict(worker.labels),
        slots=worker.slots,
        free=connection.assignable,
        draining=connection.draining,
        connected_at=connection.connected_at,
        runs=tuple(WorkerRun(run.id, run.namespace, run.task, run.attempt) for run in runs),
        refusals=connection.refusals,
        facts=dict(worker.facts),
    )
