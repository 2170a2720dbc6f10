"""Which cluster a kubeconfig leads to, for whoever has to name it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from kubernetes.aio.config import ConfigException, list_kube_config_contexts

from nice_operator.domain.errors import InvalidInput
from nice_operator.ports import KubeAccess


@dataclass(frozen=True, slots=True)
class Context:
    """``namespace`` is "" where the context names none."""

    name: str
    namespace: str


async def context_of(access: KubeAccess) -> Context:
    """The context that ``access`` means. Raises InvalidInput when there is none."""
    return await asyncio.to_thread(_context_of, access)


def _context_of(access: KubeAccess) -> Context:
    file = str(access.kubeconfig) if access.kubeconfig else None
    try:
        contexts, current = list_kube_config_contexts(file)
    except (ConfigException, OSError) as error:
        raise InvalidInput(
            f"no access to Kubernetes: {error}; name a kubeconfig that works with --kubeconfig or $KUBECONFIG"
        ) from error
    known = {context["name"]: context for context in contexts}
    wanted = access.context or (current or {}).get("name", "")
    if wanted not in known:
        names = ", ".join(sorted(known)) or "none"
        raise InvalidInput(f"the kubeconfig has no context {wanted!r}; expected one of {names} (--context)")
    return Context(wanted, known[wanted].get("context", {}).get("namespace", ""))
