"""The release's own Secrets: the chart makes them empty, this fills each once.

Nothing random is rendered, so nothing drifts; and whoever fills second finds it filled.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.errors import KubeRefused

TOKEN_BYTES = 32
TRIES = 5

Values = Mapping[str, str]


def token_values(release: str) -> Values:
    """The token of the client ``admin``."""
    return {"admin": secrets.token_urlsafe(TOKEN_BYTES)}


def database_values(release: str) -> Values:
    """Where the release's trial database is, and a password for both sides."""
    return {
        "url": f"mysql+pymysql://nice@{release}-database:3306/nice",
        "password": secrets.token_urlsafe(TOKEN_BYTES),
    }


def redis_values(release: str) -> Values:
    """The same for the trial Redis, which reads its password from a file of its own format."""
    password = secrets.token_urlsafe(TOKEN_BYTES)
    return {
        "url": f"redis://{release}-redis:6379/0",
        "password": password,
        "redis.conf": f"requirepass {password}\n",
    }


FILLERS: Mapping[str, Callable[[str], Values]] = {
    "token": token_values,
    "database": database_values,
    "redis": redis_values,
}


async def fill(api: KubeApi, namespace: str, name: str, values: Values) -> bool:
    """Fill the Secret if it is empty; whether this call did. Two that fill at once: one does.

    Raises KubeRefused (no such Secret, no right to it, or others keep changing it) and KubeUnavailable.
    """
    path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
    for attempt in range(TRIES):
        found = await api.get(path)
        if found.get("data"):
            return False
        data = {key: b64encode(value.encode()).decode() for key, value in values.items()}
        version = found["metadata"]["resourceVersion"]
        try:
            await api.merge(path, {"metadata": {"resourceVersion": version}, "data": data})
            return True
        except KubeRefused as refusal:
            if refusal.status != 409 or attempt + 1 == TRIES:
                raise
    raise AssertionError("unreachable: the last try returns or raises")
