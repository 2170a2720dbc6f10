"""kopf, in a thread of its own: what changes in Kubernetes, as events on our event loop.

kopf does not share an event loop with other code (it cancels what others began there when it stops).
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import kopf

from nice_operator.handlers.kopf_settings import kopf_settings
from nice_operator.handlers.login import login
from nice_operator.ports import KubeAccess
from nice_operator.resources import API_VERSION

_log = logging.getLogger(__name__)

VERSION = API_VERSION.partition("/")[2]
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LONG_ENOUGH = 60.0
"""A life of kopf that lasted so long ended for a reason of its own: the next begins at once."""
LAST_BREATH = 0.05
"""Seconds in which the connections that kopf let go of are closed, before its event loop is."""
STOP_WITHIN = 2.0
"""Seconds that the end of a term waits for kopf's thread; what it says later is not listened to."""

IDENTITY: Any = "nice-commander"
"""Nobody sees it (no peering), but without one kopf asks for our user's name, and a pod's user has none."""

Hear = Callable[[str | None, dict[str, Any]], None]
"""Told of one event: its type (None for what a listing found), and the object."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """``namespaces`` empty means all. A watch on which nothing comes for ``inactivity`` seconds, not even the
    bookmarks that the API server sends every minute, is taken as dead and opened again."""

    access: KubeAccess
    namespaces: Sequence[str] = ()
    inactivity: float = 70.0
    page: int = 500


class Watch:
    """``hears`` says for each plural (``nicetasks``) who is told of its events. They are called on the event
    loop of whoever runs this; what they raise is a mistake and is logged there."""

    def __init__(self, settings: WatchSettings, hears: Mapping[str, Hear]) -> None:
        self._settings = settings
        self._hears = hears
        self._life: _Life | None = None
        # It warns, at each beginning, that it leaves the process's signals alone: as it should.
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)

    async def run(self) -> None:
        """Until cancelled; a kopf that ends (an ERROR on a watch ends it) is begun again."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            self._life = _Life(self._settings, self._hears, loop)
            try:
                error = await self._life.over()
            finally:
                await asyncio.shield(self._life.end())
            failures = 0 if loop.time() - began > LONG_ENOUGH else failures + 1
            pause = min(FIRST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE) * (1 + random.random()) / 2  # noqa: S311
            _log.warning("the watch of Kubernetes ended and begins again in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)

    def restart(self) -> None:
        """End the present life of kopf; the next one lists everything anew."""
        if self._life is not None:
            self._life.stop.set()


class _Life:
    """One thread with one kopf in it."""

    def __init__(
        self, settings: WatchSettings, hears: Mapping[str, Hear], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.stop = threading.Event()
        self._settings = settings
        self._hears = hears
        self._loop = loop
        self._deaf = False
        self._over: asyncio.Future[BaseException | None] = loop.create_future()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._thread.start()

    async def over(self) -> BaseException | None:
        """When it has ended: why, None if it was asked to."""
        return await asyncio.shield(self._over)

    async def end(self) -> None:
        """Hear nothing more of it, and wait until it has ended."""
        self._deaf = True
        self.stop.set()
        ended, _ = await asyncio.wait([self._over], timeout=STOP_WITHIN)
        if not ended:
            _log.info("kopf takes more than %s s to end; nobody listens to it any more", STOP_WITHIN)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._operate())
        except Exception as found:
            error = found
        self._tell(self._settle, error)

    def _settle(self, error: BaseException | None) -> None:
        if not self._over.done():
            self._over.set_result(error)

    async def _operate(self) -> None:
        namespaces = list(self._settings.namespaces)
        try:
            await kopf.operator(
                registry=self._registry(),
                settings=kopf_settings(page=self._settings.page, inactivity=self._settings.inactivity),
                identity=IDENTITY,
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
                stop_flag=self.stop,
            )
        finally:
            self.stop.set()  # a thread of kopf's waits for it, and the event loop would wait for that thread
            await asyncio.sleep(LAST_BREATH)

    def _registry(self) -> kopf.OperatorRegistry:
        """Only ``on.event``: no other kind of handler leaves the objects as they are (no finalizer, no
        annotation of the last state)."""
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def log_in(**arguments: Any) -> kopf.ConnectionInfo:
            return await login(self._settings.access, **arguments)

        for plural, hear in self._hears.items():
            self._listen(registry, plural, hear)
        return registry

    def _listen(self, registry: kopf.OperatorRegistry, plural: str, hear: Hear) -> None:
        @kopf.on.event(API_VERSION, plural, registry=registry, id=plural)
        async def on_event(event: kopf.RawEvent, **_: Any) -> None:
            self._tell(self._heard, hear, event.get("type"), event["object"])

    def _heard(self, hear: Hear, kind: str | None, document: dict[str, Any]) -> None:
        if not self._deaf:
            hear(kind, document)

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            _log.debug("the event loop has ended before the watch of Kubernetes")
