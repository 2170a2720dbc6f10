"""Who a worker's token belongs to: asked of the API server by TokenReview (``ports.WorkerGate``).

The token is a ServiceAccount token that the kubelet bound to the worker's pod, for an audience of our own.
Both are checked: ``authenticated`` alone would let in any token of the cluster, and an answer without our
audience means that the server does not know audiences. The pod is then read to learn its pool: a token says
which pod it was made for, only the pod says which pool it is of.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.errors import KubeRefused
from nice_operator.cluster.pool_deployment import MANAGED_BY, POOL_LABEL
from nice_operator.domain.errors import Unavailable
from nice_operator.ports import Clock, WorkerIdentity
from nice_operator.resources.pod_template import TOKEN_AUDIENCE

_log = logging.getLogger(__name__)

ANSWER_TIMEOUT = 5.0
KEPT_SECONDS = 60.0
"""How long an answer holds: so long may a token work after its pod is gone."""
REFUSED_SECONDS = 5.0
MOST_KEPT = 10_000
MOST_AT_ONCE = 16
"""Questions to the API server at a time: whoever sends made-up tokens must not make us flood it."""
LONGEST_TOKEN = 16 * 1024
_PREFIX = "system:serviceaccount:"
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


@dataclass(frozen=True, slots=True)
class _Pod:
    """What a token proves: that it was made for this pod."""

    namespace: str
    name: str
    uid: str


class TokenReviewGate:
    """Needs the rights to create tokenreviews, and to get pods where pools are."""

    def __init__(
        self,
        api: KubeApi,
        clock: Clock,
        audience: str = TOKEN_AUDIENCE,
        *,
        patience: float = ANSWER_TIMEOUT,
        most_kept: int = MOST_KEPT,
    ) -> None:
        self._api = api
        self._clock = clock
        self._audience = audience
        self._patience = patience
        self._most_kept = most_kept
        self._kept: OrderedDict[bytes, tuple[float, WorkerIdentity | None]] = OrderedDict()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def admit(self, token: str) -> WorkerIdentity | None:
        """The worker, None for a token that proves nothing; raises Unavailable when nobody can tell."""
        if not _looks_like_one(token):
            return None
        digest = hashlib.sha256(token.encode()).digest()
        until, known = self._kept.get(digest, (0.0, None))
        if self._clock.monotonic() < until:
            return known
        try:
            async with asyncio.timeout(self._patience), self._room:
                found = await self._ask(token)
        except TimeoutError:
            raise Unavailable("Kubernetes does not say in time whose token it is; try again") from None
        self._keep(digest, found)
        return found

    def _keep(self, digest: bytes, found: WorkerIdentity | None) -> None:
        seconds = KEPT_SECONDS if found else REFUSED_SECONDS
        self._kept[digest] = (self._clock.monotonic() + seconds, found)
        self._kept.move_to_end(digest)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)

    async def _ask(self, token: str) -> WorkerIdentity | None:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        try:
            pod = self._proven(await self._api.create(_REVIEWS, review))
            return await self._worker(pod) if pod else None
        except KubeRefused as refusal:
            # We may not ask: a mistake of the installation, not of the worker's.
            _log.error("no worker can be let in: %s", refusal)
            raise Unavailable(f"Kubernetes does not tell us whose token it is: {refusal}") from refusal

    def _proven(self, review: Mapping[str, Any]) -> _Pod | None:
        """The pod that the token was made for, if it is one for us."""
        status = review.get("status") or {}
        user = status.get("user") or {}
        name = str(user.get("username") or "")
        extra = user.get("extra") or {}
        pods, uids = list(extra.get(_POD_NAME) or ()), list(extra.get(_POD_UID) or ())
        if status.get("authenticated") is not True or self._audience not in (status.get("audiences") or ()):
            return None
        if status.get("error") or not name.startswith(_PREFIX) or len(pods) != 1 or len(uids) != 1:
            return None
        return _Pod(name.removeprefix(_PREFIX).partition(":")[0], pods[0], uids[0])

    async def _worker(self, pod: _Pod) -> WorkerIdentity | None:
        """Whose worker the pod is; None when it is of no pool, or is not the same pod any more."""
        try:
            found = await self._api.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")
        except KubeRefused as refusal:
            if refusal.status == 404:
                return None
            raise
        metadata = found.get("metadata") or {}
        labels = metadata.get("labels") or {}
        pool = labels.get(POOL_LABEL)
        ours = MANAGED_BY.items() <= labels.items()
        if metadata.get("uid") != pod.uid or not ours or not pool:
            return None
        return WorkerIdentity(f"{pod.namespace}/{pool}", pod.name)


def _looks_like_one(token: str) -> bool:
    """Whether it is worth asking: three parts, no longer than any token of Kubernetes is."""
    return 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.count(".") == 2
