"""A way from a free port on this machine to a release: ``kubectl port-forward``, as long as we live.

A companion of it waits for the end of a pipe that we alone hold, and then ends it: so it ends with us however
we end, by SIGKILL too. In a session of its own, so that a terminal's Ctrl-C leaves the
decision to us.
"""

from __future__ import annotations

import http.client
import re
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.http import Unreachable
from nice_cli.kube.kubectl import Kubectl
from nice_cli.kube.release import Release
from nice_cli.kube.trust import Trust

HOST = "127.0.0.1"
WITHIN_SECONDS = 20.0
END_SECONDS = 5.0
PROBE_SECONDS = 10.0
GUARD = 'exec 3<&0; (exec >/dev/null 2>&1; cat; kill $$) <&3 & exec "$@" 3<&- </dev/null'
"""kubectl takes the shell's place, so that its process id stays its own until we have collected it."""
_LISTENS = re.compile(rf"Forwarding from {re.escape(HOST)}:(\d+) ")


@dataclass(slots=True)
class _Child:
    """One life of kubectl; its words are read as they come, or it would wait for a reader."""

    process: subprocess.Popen[str]
    reader: threading.Thread = field(init=False)
    port: int = 0
    listens: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    words: deque[str] = field(default_factory=lambda: deque(maxlen=5))

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, name="port-forward", daemon=True)
        self.reader.start()

    def _read(self) -> None:
        if self.process.stdout is not None:
            with self.process.stdout as said:
                self._hear(said)
        self.over.set()
        self.listens.set()

    def _hear(self, said: Iterable[str]) -> None:
        for line in said:
            if found := _LISTENS.match(line):
                self.port = int(found[1])
                self.listens.set()
            elif not line.startswith("Handling connection"):
                self.words.append(line.strip())

    def end(self) -> None:
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(END_SECONDS)


@dataclass(slots=True)
class Forward:
    """The way to ``release``. Its port stays the same when it has to be begun anew. ``trust``: it leads to
    HTTPS."""

    kubectl: Kubectl
    release: Release
    trust: Trust | None = None
    _port: int = 0
    _child: _Child | None = None

    @property
    def base(self) -> str:
        """The address to ask. The way is opened if it was not."""
        self.ready()
        return f"{'https' if self.trust else 'http'}://{HOST}:{self._port}"

    def ready(self) -> None:
        """Begin it if it is not there, or is no more. Raises Unreachable with kubectl's words."""
        if self._child is not None and not self._child.over.is_set():
            return
        self.close()
        child = self._begin()
        if not child.listens.wait(WITHIN_SECONDS) or child.over.is_set():
            child.end()
            raise self.unreachable("; ".join(child.words) or f"not within {WITHIN_SECONDS:g} s")
        self._child, self._port = child, child.port
        self._prove()

    def _prove(self) -> None:
        """kubectl listens before it knows whether anybody answers, and may have chosen a pod that is going:
        there a request would wait as long as it may."""
        probe = self._connection()
        try:
            probe.request("GET", "/healthz")
            probe.getresponse().read()
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise self._unbelieved(error.verify_message) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self.unreachable(str(error) or type(error).__name__) from None
        finally:
            probe.close()

    def _connection(self) -> http.client.HTTPConnection:
        place = f"{HOST}:{self._port}"
        if self.trust is not None:
            return self.trust.connection(place, PROBE_SECONDS)
        return http.client.HTTPConnection(place, timeout=PROBE_SECONDS)

    def broken(self) -> None:
        """A request did not come through: the next one gets a new way."""
        self.close()

    def close(self) -> None:
        """End it."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def unreachable(self, why: str) -> Unreachable:
        """What to raise when nothing comes through."""
        return Unreachable(
            f"the way to {self.release} (context {self.release.context}, kubectl port-forward) does not "
            f"hold: {why}. Look at its pods: kubectl -n {self.release.namespace} get pods",
            Exit.SERVER,
        )

    def _unbelieved(self, why: str) -> Unreachable:
        """The way holds; who answers is not believed."""
        name, by = (self.trust.name, self.trust.by) if self.trust else ("", "")
        return Unreachable(
            f"the certificate of {self.release} (context {self.release.context}) is not believed: "
            f"{why.rstrip('.')}. Expected: one for {name}, valid now, by the authority in {by.rstrip('.')}. "
            "Ask whoever runs it to renew the certificate for this name, or to put the authority that signed "
            "it there.",
            Exit.SERVER,
        )

    def _begin(self) -> _Child:
        service = f"service/{self.release.service}"
        local = str(self._port or "")
        command = self.kubectl.command(
            "port-forward", "-n", self.release.namespace, f"--address={HOST}", service,
            f"{local}:{self.release.port}",
        )  # fmt: skip
        try:
            process = subprocess.Popen(  # noqa: S603 - kubectl, held by a shell of ours
                ["/bin/sh", "-c", GUARD, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise Failure(f"kubectl port-forward cannot be started: {error.strerror}", Exit.SERVER) from None
        return _Child(process)
