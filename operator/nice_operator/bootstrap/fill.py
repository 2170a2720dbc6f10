"""``fill-secrets``: what the chart leaves empty is filled, before anything needs it."""

from __future__ import annotations

from nice_operator.bootstrap.console import say
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.own_secrets import FILLERS, fill
from nice_operator.ports import KubeAccess
from nice_operator.settings import FillSettings


async def run_fill(settings: FillSettings) -> int:
    """Returns the exit code. Raises NiceError when the API server refuses or does not answer."""
    api = await KubeApi.connect(KubeAccess())
    try:
        for name, kind in settings.secrets:
            filled = await fill(api, settings.namespace, name, FILLERS[kind](settings.release))
            say(f"Secret {settings.namespace}/{name} {'is filled' if filled else 'was filled before'}")
    finally:
        await api.close()
    return 0
