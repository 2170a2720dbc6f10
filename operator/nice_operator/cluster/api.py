"""One small client of the Kubernetes API: paths and JSON documents, none of the generated models.

The library's transport alone costs 50 MiB less memory than its typed APIs (``CoreV1Api`` builds hundreds
of classes when it is made), and speaks asyncio.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import orjson
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from nice_operator.cluster.errors import KubeUnavailable, error_of
from nice_operator.domain.errors import InvalidInput
from nice_operator.ports import KubeAccess

JsonDocument = dict[str, Any]

FIELD_MANAGER = "nice-commander"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Ask for lists of metadata alone: large specs stay where they are."""
TIMEOUT = 15.0
PAGE = 500


class KubeApi:
    """Calls raise KubeRefused or KubeUnavailable. One per event loop; safe for many calls at a time."""

    def __init__(self, client: ApiClient, access: KubeAccess, user_agent: str) -> None:
        self._client = client
        self._access = access
        client.user_agent = user_agent

    @classmethod
    async def connect(
        cls, access: KubeAccess, *, connections: int = 32, user_agent: str = "nice-commander"
    ) -> Self:
        """Reads the credentials; the first call opens the first connection. At most ``connections`` calls
        are under way at a time, the others wait. Raises InvalidInput without usable credentials."""
        configuration = Configuration()
        configuration.connection_pool_maxsize = connections
        await _load(access, configuration)
        _read_environment_once(configuration)
        return cls(ApiClient(configuration), access, user_agent)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonDocument:
        """Read one object, or one page of a list."""
        return await self.call("GET", path, query=query)

    async def create(self, path: str, body: JsonDocument) -> JsonDocument:
        """POST to a collection's path; 409 when it exists."""
        return await self.call("POST", path, body=body, query={"fieldManager": FIELD_MANAGER})

    async def apply(self, path: str, body: JsonDocument, *, force: bool = True) -> JsonDocument:
        """Server-side apply: what ``body`` names is ours from now on, what it named before and does not now
        goes. With ``metadata.uid`` in it, another object of the same name answers 409."""
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        return await self.call("PATCH", path, body=body, query=query, content_type=APPLY)

    async def merge(self, path: str, body: JsonDocument) -> JsonDocument:
        """JSON merge patch."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self.call("PATCH", path, body=body, query=query, content_type=MERGE)

    async def delete(self, path: str, body: JsonDocument | None = None) -> JsonDocument:
        """DELETE; ``body`` is a DeleteOptions, for preconditions and propagation."""
        return await self.call("DELETE", path, body=body)

    async def pages(
        self, path: str, *, metadata_only: bool = False, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[Sequence[JsonDocument]]:
        """All objects of a collection, ``PAGE`` at a time, as they are in the database behind the API now.

        Raises KubeRefused (410) when the list takes so long that it would not be one any more.
        """
        accept = METADATA_LIST if metadata_only else JSON
        token = ""
        while True:
            asked = {**(query or {}), "limit": str(PAGE)} | ({"continue": token} if token else {})
            page = await self.call("GET", path, query=asked, accept=accept)
            yield page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: JsonDocument | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> JsonDocument:
        """One call; its answer, parsed. Credentials that have expired are read again, once."""
        url = f"{self._client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Content-Type": content_type}
        status, answer, told = await self._ask(method, url, headers, body)
        if status == 401:
            await _load(self._access, self._client.configuration)
            status, answer, told = await self._ask(method, url, headers, body)
        if status >= 400:
            raise error_of(f"{method} {path}", status, answer, told)
        return answer

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: JsonDocument | None
    ) -> tuple[int, JsonDocument, Mapping[str, str]]:
        sent = {**self._client.default_headers, **headers}
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._client.update_params_for_auth(sent, [], ["BearerToken"], url, method, body)
                answer = await self._client.call_api(method, url, sent, body, _request_timeout=TIMEOUT)
                data = await answer.read()
        except (OSError, EOFError, TimeoutError) as error:
            raise KubeUnavailable(f"Kubernetes does not answer {method} {url}: {_why(error)}") from error
        except Exception as error:
            if _is_of_transport(error):
                raise KubeUnavailable(f"Kubernetes does not answer {method} {url}: {_why(error)}") from error
            raise
        return answer.status, _parsed(data), answer.headers


async def _load(access: KubeAccess, configuration: Configuration) -> None:
    try:
        if not access.given and await asyncio.to_thread(_in_cluster, configuration):
            return
        file = str(access.kubeconfig) if access.kubeconfig else None
        await load_kube_config(file, access.context, configuration)
    except (ConfigException, OSError) as error:
        where = access.kubeconfig or "the service account of the pod, $KUBECONFIG or ~/.kube/config"
        raise InvalidInput(
            f"no access to Kubernetes: {error}; expected credentials in {where}; give a kubeconfig that works"
        ) from error


def _read_environment_once(configuration: Configuration) -> None:
    """The transport would look for proxies and a netrc file at every call, which is a fifth of what a call
    costs."""
    host = urlsplit(configuration.host)
    if configuration.proxy is None and not proxy_bypass(host.hostname or ""):
        configuration.proxy = getproxies().get(host.scheme)
    configuration.client_session_kwargs = {"trust_env": False}


def _in_cluster(configuration: Configuration) -> bool:
    try:
        load_incluster_config(configuration)
    except ConfigException:
        return False
    return True


def _is_of_transport(error: Exception) -> bool:
    """The transport's own errors, which this package may not import."""
    return type(error).__module__.partition(".")[0] == "aiohttp"


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _parsed(data: bytes) -> JsonDocument:
    """A proxy's answer may be anything."""
    try:
        parsed = orjson.loads(data) if data else {}
    except (ValueError, json.JSONDecodeError):
        return {"message": data[:200].decode(errors="replace")}
    return parsed if isinstance(parsed, dict) else {"message": str(parsed)[:200]}
