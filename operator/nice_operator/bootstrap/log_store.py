"""The log store that the settings ask for, and what the leader does for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.logs.cloudwatch import CloudWatchLogStore
from nice_operator.logs.joint import JointLogStore
from nice_operator.logs.mover import LogMover
from nice_operator.logs.place import locate_by
from nice_operator.ports import Duty, LogStore
from nice_operator.settings.logs import CloudWatchSettings
from nice_operator.store import SqlStore


@dataclass(frozen=True, slots=True)
class LogKeeping:
    """``close`` when nobody reads any more."""

    store: LogStore
    duties: Sequence[Duty] = ()
    close: Callable[[], None] = lambda: None


def log_keeping(store: SqlStore, settings: CloudWatchSettings | None) -> LogKeeping:
    """In the database, or there for as long as an attempt lives and then in CloudWatch. Asks nobody yet."""
    if settings is None:
        return LogKeeping(store.logs)
    kept = CloudWatchLogStore(settings.group, settings.region, settings.endpoint, locate_by(store))
    mover = LogMover(store.logs, kept, SystemClock())
    return LogKeeping(JointLogStore(store.logs, kept, store), [mover], kept.close)
