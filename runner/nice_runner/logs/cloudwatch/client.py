"""CloudWatch as the writer needs it: a log group, streams, and batches put into them. The one place where the
errors of boto3 become ours. Every method waits for the network: call them in a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nice_runner.logs.cloudwatch.events import Event

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import RejectedLogEventsInfoTypeDef

logger = logging.getLogger(__name__)

RETENTION_DAYS = 30
"""Given to a group that we make; that of a group which exists is left alone."""

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Place:
    """Where the logs go. Empty ``region`` and ``endpoint``: what boto3 finds by itself."""

    group: str
    region: str = ""
    endpoint: str = ""


class Away(Exception):
    """CloudWatch did not take it this time; the message says why. Trying again is right."""


def stream_name(namespace: str, task: str, run: str, attempt: int) -> str:
    """Where the log of an attempt is. Characters that a stream's name may not have (``:``, ``*``) become
    ``_``."""
    return "/".join(part.replace(":", "_").replace("*", "_") for part in (namespace, task, run, str(attempt)))


class CloudWatch:
    """One client for all attempts; safe to use from several threads."""

    def __init__(self, place: Place) -> None:
        self._group = place.group
        self._client = _open_client(place)

    def prepare(self, stream: str) -> None:
        """Make the stream, and the group when there is none. Raises Away."""
        try:
            self._make_stream(stream)
        except self._client.exceptions.ResourceNotFoundException:
            self._make_group()
            self._make_stream(stream)

    def put(self, stream: str, batch: Sequence[Event]) -> int:
        """Store a batch. Returns how many events were refused for their age. Raises Away."""
        events = [{"timestamp": event.timestamp, "message": event.message} for event in batch]
        with _translated():
            answer = self._client.put_log_events(
                logGroupName=self._group,
                logStreamName=stream,
                logEvents=events,  # type: ignore[arg-type]  # dicts of the right shape
            )
        return _rejected(answer.get("rejectedLogEventsInfo"), len(batch))

    def _make_stream(self, stream: str) -> None:
        exceptions = self._client.exceptions
        with _translated(exceptions.ResourceNotFoundException):
            try:
                self._client.create_log_stream(logGroupName=self._group, logStreamName=stream)
            except exceptions.ResourceAlreadyExistsException:
                return

    def _make_group(self) -> None:
        with _translated():
            try:
                self._client.create_log_group(logGroupName=self._group, logGroupClass="STANDARD")
            except self._client.exceptions.ResourceAlreadyExistsException:
                return
            self._client.put_retention_policy(logGroupName=self._group, retentionInDays=RETENTION_DAYS)
            logger.info("made the log group %s, which keeps events for %d days", self._group, RETENTION_DAYS)


class _translated:  # noqa: N801  # a context manager, used as a function
    """Errors of boto3 as Away, but those that the caller handles."""

    def __init__(self, *handled: type[BaseException]) -> None:
        self._handled = handled

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, self._handled) or not isinstance(error, BotoCoreError | ClientError):
            return
        raise Away(str(error)) from error


def _open_client(place: Place) -> CloudWatchLogsClient:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},  # the writer has a backoff of its own
        max_pool_connections=8,
    )
    return boto3.session.Session().client(
        "logs", region_name=place.region or None, endpoint_url=place.endpoint or None, config=config
    )


def _rejected(info: RejectedLogEventsInfoTypeDef | None, size: int) -> int:
    """Too old: those before ``tooOldLogEventEndIndex`` or ``expiredLogEventEndIndex``; too new: those from
    ``tooNewLogEventStartIndex`` on."""
    if not info:
        return 0
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    return old + size - info.get("tooNewLogEventStartIndex", size)
