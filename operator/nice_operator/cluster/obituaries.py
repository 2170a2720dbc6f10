"""Why workers are gone, as their pods tell it (``ports.Obituaries``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.errors import KubeRefused
from nice_operator.cluster.pods import obituary_of
from nice_operator.domain.errors import NiceError
from nice_operator.domain.ids import SessionId
from nice_operator.ports import Clock, Holder

_log = logging.getLogger(__name__)

MOST = 50
"""Pods that are asked about at a time: when a whole zone is gone, some examples say it all."""
LOOKS = 3
"""The kubelet tells a second or so later than the supervisor sees its runner go."""
BETWEEN_LOOKS = 1.0
PATIENCE = 4.0
"""Seconds for all of it: whoever asks has a run to settle."""
APART = timedelta(seconds=2)
"""What clocks of nodes and database may differ by; the kubelet names whole seconds."""
YOUNG = timedelta(minutes=3)
"""An end that is older was another's: the lease is 30 seconds."""


class PodObituaries:
    """See ``ports.Obituaries``. Needs the right to get pods where pools are."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def of(self, holders: Collection[Holder]) -> Mapping[SessionId, str]:
        """What the pods of these workers say."""
        found: dict[SessionId, str] = {}
        asked = sorted(holders, key=lambda holder: holder.session)[:MOST]
        try:
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                for holder in asked:
                    group.create_task(self._ask(holder, found))
        except TimeoutError:
            _log.info("the pods of %d lost workers tell nothing in time", len(asked) - len(found))
        return found

    async def _ask(self, holder: Holder, found: dict[SessionId, str]) -> None:
        for look in range(LOOKS):
            if look:
                await self._clock.sleep(BETWEEN_LOOKS)
            told = await self._look(holder)
            if told:
                found[holder.session] = told
            if told is None or told:
                return

    async def _look(self, holder: Holder) -> str | None:
        """What its pod says: "" when it says nothing (yet), None when it is no use to look again."""
        namespace, _, pool = holder.pool.partition("/")
        if not pool:
            return None
        try:
            pod = await self._api.get(f"/api/v1/namespaces/{namespace}/pods/{holder.worker}")
        except KubeRefused as refusal:
            return f"its pod {holder.worker} is gone" if refusal.status == 404 else None
        except NiceError as error:
            _log.info("nothing is known of pod %s/%s: %s", namespace, holder.worker, error)
            return None
        return obituary_of(pod, _since(holder))


def _since(holder: Holder) -> datetime:
    """Another container of the pod may have ended shortly before, under a former supervisor."""
    young = datetime.now(UTC) - YOUNG
    return young if holder.since is None else max(young, holder.since - APART)
