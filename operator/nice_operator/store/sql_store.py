"""The store: every transition and query behind one door (``ports.Store``). Each method is one line here;
what it does is in the module of that name."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.run import Attempt, HostFacts, JsonObject, Requester, Run
from nice_operator.domain.task import Task
from nice_operator.ports import (
    CancelResult,
    Claimed,
    ClaimRequest,
    DueTask,
    FinishDecision,
    FinishVerdict,
    FirePlan,
    HeartbeatReply,
    HeldRun,
    Holder,
    KnownTask,
    Lead,
    Movement,
    NewRun,
    OpenSession,
    Orders,
    PoolWorker,
    PutTask,
    QueueLoad,
    Reaped,
    Replica,
    RunFilter,
    RunLogs,
    RunPage,
    StartVerdict,
    Submitted,
    Term,
)
from nice_operator.ports.runs import NOTHING_TOLD
from nice_operator.store import (
    active,
    history,
    orphaned_logs,
    pools,
    run_queries,
    run_requests,
    sessions,
    task_queries,
)
from nice_operator.store.cancel import cancel, unschedule
from nice_operator.store.claim import claim, held
from nice_operator.store.database import Database
from nice_operator.store.delete_task import delete_task
from nice_operator.store.dialect import Clock, read_place
from nice_operator.store.finish import finish, finish_together
from nice_operator.store.fire import fire
from nice_operator.store.group import Kind, Together
from nice_operator.store.heartbeat import heartbeat
from nice_operator.store.leader import keep_lead, leave_lead, read_lead, take_lead
from nice_operator.store.logs import SqlLogStore
from nice_operator.store.migrate import migrate
from nice_operator.store.movements import movements
from nice_operator.store.orders import ask_drain, read_orders
from nice_operator.store.place import DatabasePlace
from nice_operator.store.put_task import put_task
from nice_operator.store.put_together import put_together
from nice_operator.store.reap import doomed, reap
from nice_operator.store.release import release
from nice_operator.store.replicas import forget_replica, read_replicas, tell_replica
from nice_operator.store.secrets import secret
from nice_operator.store.start import Asked, start, start_together
from nice_operator.store.submit import submit, submit_together
from nice_operator.store.take import take
from nice_operator.store.task_rows import read_manifest
from nice_operator.store.times import from_micros, maybe_datetime
from nice_operator.store.versions import ReadSpec, Versions

_READY_AT_ONCE = 100
"""Versions that are read and parsed together ahead of time: some 10 ms of work."""


def system_clock() -> int:
    """This machine's clock: the "database clock" of a SQLite file. Microseconds since 1970 UTC."""
    return time.time_ns() // 1_000


class SqlStore:
    """``ports.Store`` on SQLite, MariaDB or MySQL. Made by ``open``; ``logs`` is the log store beside it."""

    def __init__(self, database: Database, versions: Versions) -> None:
        self.database = database
        self._versions = versions
        self._pruned_until: UUID | None = None
        self._puts: Together[PutTask, Task] = lambda tx, puts: put_together(tx, versions, puts)
        self._submits: Together[NewRun, Submitted] = lambda tx, asked: submit_together(tx, versions, asked)
        self._starts: Together[Asked, StartVerdict] = lambda tx, asked: start_together(tx, versions, asked)
        self.logs = SqlLogStore(database)

    @classmethod
    async def open(
        cls, where: str | Path | DatabasePlace, *, read_spec: ReadSpec, clock: Clock = system_clock
    ) -> SqlStore:
        """Connect and migrate. ``where`` is a file for SQLite, a URL (sqlite, mysql, mariadb), or the
        directory that says where the server is.

        ``read_spec`` turns a stored manifest into its TaskSpec. ``clock`` is SQLite's now in microseconds
        since 1970 UTC; servers have their own. Raises Unavailable, and InvalidInput for a database that
        this version cannot use.
        """
        database = Database(read_place(where), clock)
        try:
            await database.change_schema(migrate)
        except BaseException:
            await database.close()
            raise
        return cls(database, Versions(read_spec))

    async def close(self) -> None:
        """Finish what waits to be written, then let go of the database."""
        await self.database.close()

    # ------------------------------------------------------------ tasks

    async def now(self) -> datetime:
        """The database's clock."""
        return from_micros(await self.database.read(lambda tx: tx.now))

    async def put_task(self, put: PutTask) -> Task:
        """Record a definition."""
        return await self.database.write(lambda tx: put_task(tx, self._versions, put), Kind(self._puts, put))

    async def delete_task(self, task_id: TaskId) -> Task | None:
        """Soft-delete (T14)."""
        return await self.database.write(lambda tx: delete_task(tx, self._versions, task_id))

    async def get_task(self, namespace: str, name: str) -> Task | None:
        """By metadata.name."""
        return await self.database.read(lambda tx: task_queries.get_task(tx, self._versions, namespace, name))

    async def find_task(self, namespace: str, task_name: str) -> Task | None:
        """By spec.taskName."""
        return await self.database.read(
            lambda tx: task_queries.find_task(tx, self._versions, namespace, task_name)
        )

    async def get_task_by_id(self, task_id: TaskId) -> Task | None:
        """Living or deleted."""
        return await self.database.read(lambda tx: task_queries.get_task_by_id(tx, self._versions, task_id))

    async def list_tasks(self, namespace: str | None = None) -> Sequence[Task]:
        """The living, by namespace and name."""
        return await self.database.read(lambda tx: task_queries.list_tasks(tx, self._versions, namespace))

    async def known_tasks(self) -> Sequence[KnownTask]:
        """The living, without their inside."""
        return await self.database.read(task_queries.known_tasks)

    async def tasks_named(self, names: Collection[tuple[str, str]]) -> Sequence[Task]:
        """The living among these."""
        return await self.database.read(lambda tx: task_queries.tasks_named(tx, self._versions, names))

    async def tasks_with_uids(self, uids: Collection[str]) -> Sequence[Task]:
        """The living among these."""
        return await self.database.read(lambda tx: task_queries.tasks_with_uids(tx, self._versions, uids))

    async def get_version(self, task_id: TaskId, generation: int) -> JsonObject | None:
        """The spec as written, of one generation."""
        return await self.database.read(lambda tx: read_manifest(tx, task_id, generation))

    async def last_request(self, task_id: TaskId) -> str | None:
        """What the task's annotation asked for last."""
        return await self.database.read(lambda tx: run_requests.last_request(tx, task_id))

    async def note_request(self, task_id: TaskId, key: str) -> None:
        """What the task's annotation asks for now."""
        await self.database.write(lambda tx: run_requests.note_request(tx, task_id, key))

    # ------------------------------------------------------------ fires

    async def due_tasks(self, limit: int) -> tuple[datetime, Sequence[DueTask]]:
        """The database's now, and whose next fire has come."""
        return await self.database.read(
            lambda tx: (from_micros(tx.now), task_queries.due_tasks(tx, self._versions, limit))
        )

    async def next_due(self) -> datetime | None:
        """When the next fire is planned."""
        return maybe_datetime(await self.database.read(task_queries.next_due))

    async def get_ready(self, after: datetime, until: datetime) -> None:
        """In portions, so that others get their turn."""
        keys = await self.database.read(lambda tx: task_queries.coming(tx, after, until))
        for place in range(0, len(keys), _READY_AT_ONCE):
            portion = keys[place : place + _READY_AT_ONCE]
            await self.database.read(partial(self._versions.many, keys=portion))

    async def fire(self, plans: Sequence[FirePlan]) -> int:
        """T1, T1b, T2."""
        return await self.database.write(lambda tx: fire(tx, plans))

    # ------------------------------------------------------------ runs

    async def submit(self, new: NewRun) -> Submitted:
        """T3."""
        return await self.database.write(lambda tx: submit(tx, self._versions, new), Kind(self._submits, new))

    async def open_session(self, session: OpenSession) -> None:
        """A worker came, or came back."""
        await self.database.write(lambda tx: sessions.open_session(tx, session))

    async def close_session(self, session: SessionId) -> None:
        """A worker left."""
        await self.database.write(lambda tx: sessions.close_session(tx, session))

    async def claim(self, request: ClaimRequest) -> Sequence[Claimed]:
        """T4."""
        return await self.database.write(lambda tx: claim(tx, self._versions, request))

    async def take(self, requests: Sequence[ClaimRequest], host: HostFacts) -> Sequence[Claimed]:
        """T4 and T5 together."""
        return await self.database.write(lambda tx: take(tx, self._versions, requests, host))

    async def start(self, held: HeldRun, host: HostFacts) -> StartVerdict:
        """T5."""
        kind = Kind(self._starts, Asked(held, host))
        return await self.database.write(lambda tx: start(tx, self._versions, held, host), kind)

    async def heartbeat(self, session: SessionId, held: Sequence[HeldRun]) -> HeartbeatReply:
        """T6."""
        return await self.database.write(lambda tx: heartbeat(tx, session, held), urgent=True)

    async def finish(self, decision: FinishDecision) -> FinishVerdict:
        """T7, T8."""
        kind = Kind(finish_together, decision)
        return await self.database.write(lambda tx: finish(tx, self._versions, decision), kind)

    async def release(self, held: HeldRun) -> bool:
        """T13."""
        return await self.database.write(lambda tx: release(tx, held))

    async def cancel(self, run_id: RunId, requester: Requester) -> CancelResult:
        """T11."""
        return await self.database.write(lambda tx: cancel(tx, self._versions, run_id, requester))

    async def unschedule(self, namespace: str, run_id: RunId, requester: Requester) -> bool:
        """T11 for a scheduled job."""
        return await self.database.write(
            lambda tx: unschedule(tx, self._versions, namespace, run_id, requester)
        )

    async def reap(
        self,
        dead: frozenset[SessionId],
        alive: frozenset[SessionId],
        told: Mapping[SessionId, str] = NOTHING_TOLD,
    ) -> Sequence[Reaped]:
        """T9, T10, T12."""
        return await self.database.write(lambda tx: reap(tx, self._versions, dead, alive, told))

    async def doomed(self, dead: frozenset[SessionId], alive: frozenset[SessionId]) -> Sequence[Holder]:
        """Whose runs the next reap calls lost."""
        return await self.database.read(lambda tx: doomed(tx, dead, alive))

    async def held(self, session: SessionId) -> Sequence[Claimed]:
        """What the session holds."""
        return await self.database.read(lambda tx: held(tx, self._versions, session))

    async def active_sessions(self) -> frozenset[SessionId]:
        """Sessions that hold something."""
        return await self.database.read(run_queries.active_sessions)

    async def external_sessions(self) -> frozenset[SessionId]:
        """External workers' sessions that hold something."""
        return await self.database.read(run_queries.external_sessions)

    async def queued_selectors(self) -> frozenset[str]:
        """Distinct selectors of what waits."""
        return await self.database.read(run_queries.queued_selectors)

    async def queue_depth(self) -> Mapping[str, int]:
        """Claimable runs by queue."""
        return await self.database.read(run_queries.queue_depth)

    async def next_available(self) -> timedelta | None:
        """How long until the next queued run's time comes."""
        return await self.database.read(active.next_available)

    # ------------------------------------------------------------ pools

    async def queue_loads(self) -> Sequence[QueueLoad]:
        """What waits in the queues of pools."""
        return await self.database.read(pools.queue_loads)

    async def pool_workers(self) -> Sequence[PoolWorker]:
        """The workers of pools."""
        return await self.database.read(pools.pool_workers)

    async def ask_to_drain(self, sessions: Collection[SessionId]) -> Sequence[SessionId]:
        """They claim nothing from now on."""
        return await self.database.write(lambda tx: pools.ask_to_drain(tx, sessions))

    # ------------------------------------------------------------ keys

    async def secret(self, name: str) -> bytes:
        """Made when first asked for."""
        return await self.database.write(lambda tx: secret(tx, name))

    # ------------------------------------------------------------ replicas

    async def take_lead(self, holder: str, life: UUID, ttl: timedelta) -> Term | None:
        """A new term, if nobody leads."""
        return await self.database.write(lambda tx: take_lead(tx, holder, life, ttl), urgent=True)

    async def keep_lead(self, term: Term, life: UUID, ttl: timedelta) -> bool:
        """Whether it goes on."""
        return await self.database.write(lambda tx: keep_lead(tx, term, life, ttl), urgent=True)

    async def leave_lead(self, term: Term, life: UUID) -> None:
        """Over now."""
        await self.database.write(lambda tx: leave_lead(tx, term, life), urgent=True)

    async def lead(self) -> Lead | None:
        """The newest term."""
        return await self.database.read(read_lead)

    async def tell_replica(self, replica: UUID, name: str, roster: str | None) -> None:
        """A server is there."""
        await self.database.write(lambda tx: tell_replica(tx, replica, name, roster))

    async def forget_replica(self, replica: UUID) -> None:
        """A server ends."""
        await self.database.write(lambda tx: forget_replica(tx, replica))

    async def replicas(self, within: timedelta, known: Mapping[UUID, datetime]) -> Sequence[Replica]:
        """The servers."""
        return await self.database.read(lambda tx: read_replicas(tx, within, known))

    async def orders(self) -> Orders:
        """What workers are to be told."""
        return await self.database.read(read_orders)

    async def ask_drain(self, session: SessionId) -> None:
        """No more work for it."""
        await self.database.write(lambda tx: ask_drain(tx, session))

    # ------------------------------------------------------------ history

    async def get_run(self, run_id: RunId) -> Run | None:
        """One run."""
        return await self.database.read(lambda tx: run_queries.get_run(tx, run_id))

    async def list_runs(self, wanted: RunFilter) -> RunPage:
        """A page, newest first."""
        return await self.database.read(lambda tx: run_queries.list_runs(tx, wanted))

    async def last_runs(self, task_ids: Sequence[TaskId], each: int) -> Mapping[TaskId, Sequence[Run]]:
        """The newest of each task."""
        return await self.database.read(lambda tx: run_queries.last_runs(tx, task_ids, each))

    async def active_counts(self, namespace: str | None = None) -> Mapping[TaskId, int]:
        """Active runs by task."""
        return await self.database.read(lambda tx: active.active_counts(tx, namespace))

    async def movements(self, within: timedelta) -> Sequence[Movement]:
        """Active runs, and final ones made lately."""
        return await self.database.read(lambda tx: movements(tx, within))

    async def attempts(self, run_id: RunId) -> Sequence[Attempt]:
        """Oldest first, with late evidence."""
        return await self.database.read(lambda tx: run_queries.read_attempts(tx, run_id))

    async def prune(self, limit: int) -> Sequence[RunId]:
        """Delete what the history limits do not keep."""
        after = self._pruned_until
        found = await self.database.read(lambda tx: history.find_expendable(tx, self._versions, limit, after))
        if found.runs:
            await self.database.write(lambda tx: history.delete_runs(tx, found.runs))
        self._pruned_until = found.after
        unused = await self.database.read(lambda tx: history.find_unused_versions(tx, limit))
        if unused:
            await self.database.write(lambda tx: history.delete_versions(tx, unused))
        return found.runs

    async def orphaned_logs(self, limit: int) -> Sequence[RunLogs]:
        """Deleted runs whose logs must go still."""
        return await self.database.read(lambda tx: orphaned_logs.read_orphaned(tx, limit))

    async def forget_orphaned(self, runs: Sequence[RunId]) -> None:
        """Their logs are gone."""
        await self.database.write(lambda tx: orphaned_logs.forget_orphaned(tx, runs))
