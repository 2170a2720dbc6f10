"""CloudWatch as the reader needs it. The one place where the errors of boto3 become ours. Every method waits
for the network: call them in a thread.

Credentials are found as boto3 does. It reads keys from a file once and for all; so that keys which were
changed in the file count without a restart, whoever is refused for its credentials finds them anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nice_operator.domain.errors import Unavailable
from nice_operator.logs.place import Place
from nice_operator.logs.seek import Event

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 2
READ_SECONDS = 4
TRIES = 3
REOPEN_SECONDS = 5.0
"""Between two looks for other credentials."""

REFUSED = frozenset(
    {
        "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId",
        "InvalidSignatureException", "MissingAuthenticationTokenException", "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)  # fmt: skip
"""Codes of errors that other credentials may mend."""


@dataclass(frozen=True, slots=True)
class Page:
    """In order. ``forward`` and ``backward`` are the tokens of the pages beside it; at an end the token is
    the one that was given."""

    events: list[Event]
    forward: str
    backward: str

    @property
    def messages(self) -> list[str]:
        """What the events say."""
        return [event.message for event in self.events]


class CloudWatchClient:
    """One group, read and deleted from; safe to use from several threads."""

    def __init__(self, place: Place, connections: int) -> None:
        self._place = place
        self._connections = connections
        self._lock = threading.Lock()
        self._client: CloudWatchLogsClient | None = None
        self._opened = 0.0

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()

    def page(
        self,
        stream: str,
        token: str | None,
        *,
        from_head: bool,
        limit: int = 10_000,
        start: int | None = None,
    ) -> Page | None:
        """One page of a stream, of events not before ``start`` (milliseconds since 1970); None when there is
        no such stream or no longer such a token. Raises Unavailable."""
        given: dict[str, Any] = {"nextToken": token} if token else {}
        given |= {} if start is None else {"startTime": start}
        with self._working("GetLogEvents") as client:
            try:
                page = client.get_log_events(
                    logGroupName=self._place.group,
                    logStreamName=stream,
                    startFromHead=from_head,
                    limit=limit,
                    **given,
                )
            except (client.exceptions.ResourceNotFoundException, client.exceptions.InvalidParameterException):
                return None  # no line was ever written there, or the token is older than a day
        events = [Event(event["timestamp"], event["message"]) for event in page["events"]]
        return Page(events, page["nextForwardToken"], page["nextBackwardToken"])

    def delete(self, stream: str) -> None:
        """Delete a stream; one that is not there is deleted already. Raises Unavailable."""
        with self._working("DeleteLogStream") as client:
            try:
                client.delete_log_stream(logGroupName=self._place.group, logStreamName=stream)
            except client.exceptions.ResourceNotFoundException:
                return

    @contextmanager
    def _working(self, what: str) -> Iterator[CloudWatchLogsClient]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield self._open()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in REFUSED:
                self._look_for_credentials()
            _log.warning("CloudWatch refuses %s: %s", what, error)
            raise Unavailable(f"CloudWatch refuses {what} ({code}); the operator's log says more") from error
        except BotoCoreError as error:
            if isinstance(error, NoCredentialsError):
                self._look_for_credentials()
            _log.warning("CloudWatch does not answer %s: %s", what, error)
            why = type(error).__name__
            raise Unavailable(f"CloudWatch does not answer {what} ({why}); it will be asked again") from error

    def _open(self) -> CloudWatchLogsClient:
        with self._lock:
            if self._client is None:
                self._client = _open_client(self._place, self._connections)
                self._opened = time.monotonic()
            return self._client

    def _look_for_credentials(self) -> None:
        """The next call finds them anew; those under way go on with the old client."""
        with self._lock:
            if time.monotonic() - self._opened > REOPEN_SECONDS:
                self._client = None


def _open_client(place: Place, connections: int) -> CloudWatchLogsClient:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        max_pool_connections=connections,
    )
    session = boto3.session.Session()
    return session.client(
        "logs", region_name=place.region or None, endpoint_url=place.endpoint or None, config=config
    )
