"""What follows when the zygote comes and goes: other spare runners, and a worker that takes no runs without
one."""

from __future__ import annotations

import asyncio

from nice_runner.process.spares import Spares
from nice_runner.process.zygote import Zygote
from nice_runner.supervisor.worker import Worker

AWAY_SECONDS = 2.0
"""How long runs are still taken while there is no zygote: one that died is replaced sooner, as a rule.
After that its container does not come back at once, and runs are better off with other workers."""


class ZygoteWatch:
    """Tells spares and worker. ``changed`` is for ``Zygote.on_change``."""

    def __init__(self, zygote: Zygote, worker: Worker, spares: Spares) -> None:
        self._zygote = zygote
        self._worker = worker
        self._spares = spares
        self._away: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """It came, or is gone."""
        self._spares.renew()
        if self._away is not None:
            self._away.cancel()
            self._away = None
        if self._zygote.present:
            self._tell()
        else:
            self._away = asyncio.get_running_loop().call_later(AWAY_SECONDS, self._tell)

    def _tell(self) -> None:
        self._worker.zygote_changed(self._zygote.present, self._zygote.isolation)
