"""CloudWatch as the worker needs it: a log group, streams, and batches put into them. The one place where the
errors of boto3 become ours. Every method waits for the network: call them in a thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nice_runner.logs.cloudwatch.events import Event
from nice_runner.logs.cloudwatch.trouble import Away, Denied, Missing, Trouble, judge

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import RejectedLogEventsInfoTypeDef

logger = logging.getLogger(__name__)

RETENTION_DAYS = 30
"""Given to a group that we make; that of a group which exists is left alone."""

CONNECT_SECONDS, ANSWER_SECONDS = 5, 10

MOST_WORDS = 400
"""Characters of an error that are told."""


@dataclass(frozen=True)
class Place:
    """Where the logs go. Empty ``region`` and ``endpoint``: what boto3 finds by itself."""

    group: str
    region: str = ""
    endpoint: str = ""


def stream_name(namespace: str, task: str, run: str, attempt: int) -> str:
    """Where the log of an attempt is. Characters that a stream's name may not have (``:``, ``*``) become
    ``_``."""
    return "/".join(part.replace(":", "_").replace("*", "_") for part in (namespace, task, run, str(attempt)))


class CloudWatch:
    """For all attempts; safe to use from several threads. boto3 is imported at the first call.

    After a refusal that has to do with credentials the next call looks for them anew, since static ones are
    read once and whoever mounts them renews the file.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._opening = threading.Lock()
        self._opened: CloudWatchLogsClient | None = None

    def prepare(self, stream: str) -> None:
        """Make the stream, and the group when there is none. Raises Trouble."""
        try:
            self._make_stream(stream)
        except Missing as missing:
            self._make_group(missing)
            self._make_stream(stream)

    def put(self, stream: str, batch: Sequence[Event]) -> Sequence[Event]:
        """Store a batch. Returns the events that were refused for their age. Raises Trouble."""
        events = [{"timestamp": event.timestamp, "message": event.message} for event in batch]
        with self._client() as client:
            answer = client.put_log_events(
                logGroupName=self._place.group,
                logStreamName=stream,
                logEvents=events,  # type: ignore[arg-type]  # dicts of the right shape
            )
        return _refused(answer.get("rejectedLogEventsInfo"), batch)

    def _make_stream(self, stream: str) -> None:
        with self._client() as client:
            try:
                client.create_log_stream(logGroupName=self._place.group, logStreamName=stream)
            except client.exceptions.ResourceAlreadyExistsException:
                return

    def _make_group(self, missing: Missing) -> None:
        group = self._place.group
        try:
            with self._client() as client:
                try:
                    client.create_log_group(logGroupName=group, logGroupClass="STANDARD")
                except client.exceptions.ResourceAlreadyExistsException:
                    return
        except Denied as denied:
            raise Denied(
                f"the log group {group} is not there ({missing}) and not to be made: {denied}"
            ) from denied
        logger.info("made the log group %s", group)
        self._limit_retention(group)

    def _limit_retention(self, group: str) -> None:
        """The group is made and takes lines in any case."""
        try:
            with self._client() as client:
                client.put_retention_policy(logGroupName=group, retentionInDays=RETENTION_DAYS)
        except Trouble as trouble:
            logger.warning(
                "the log group %s keeps its events for ever: expected to limit it to %d days, found: %s; "
                "set its retention by hand or allow logs:PutRetentionPolicy before the group is made",
                *(group, RETENTION_DAYS, trouble),
            )

    @contextmanager
    def _client(self) -> Iterator[CloudWatchLogsClient]:
        """A client whose errors are ours."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield self._open()
        except (BotoCoreError, ClientError) as error:
            trouble = _trouble_of(error)
            if isinstance(trouble, Denied) or "Expired" in str(error):
                self._opened = None
            raise trouble from error

    def _open(self) -> CloudWatchLogsClient:
        with self._opening:
            client = self._opened or _open_client(self._place)
            self._opened = client
            return client


def _trouble_of(error: Exception) -> Trouble:
    """botocore has one class for what was answered, and many for what came to no answer: most of them are the
    network, those about credentials and settings are a matter for people."""
    from botocore import exceptions as e

    words = f"{error}"[:MOST_WORDS]
    if isinstance(error, e.ClientError):
        said = error.response.get("Error", {})
        code, message = said.get("Code", ""), said.get("Message", "")
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return judge(code, status, f"{error.operation_name}: {code or status}: {message}"[:MOST_WORDS])
    about_us = (
        e.NoCredentialsError,
        e.PartialCredentialsError,
        e.CredentialRetrievalError,
        e.UnauthorizedSSOTokenError,
        e.ConfigNotFound,
        e.ConfigParseError,
        e.ProfileNotFound,
        e.NoRegionError,
        e.InvalidRegionError,
    )
    return Denied(words) if isinstance(error, about_us) else Away(words)


def _open_client(place: Place) -> CloudWatchLogsClient:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        retries={"total_max_attempts": 1},  # the shipper has a pace of its own
        max_pool_connections=8,
        parameter_validation=False,  # two fifths of what sending costs, for events that are right by test
    )
    return boto3.session.Session().client(
        "logs", region_name=place.region or None, endpoint_url=place.endpoint or None, config=config
    )


def _refused(info: RejectedLogEventsInfoTypeDef | None, batch: Sequence[Event]) -> Sequence[Event]:
    """Too old: those before ``tooOldLogEventEndIndex`` or ``expiredLogEventEndIndex``; too new: those from
    ``tooNewLogEventStartIndex`` on."""
    if not info:
        return ()
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    new = max(old, info.get("tooNewLogEventStartIndex", len(batch)))
    return [*batch[:old], *batch[new:]]
