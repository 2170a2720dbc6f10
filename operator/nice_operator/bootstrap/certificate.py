"""The server's own certificate, out of a directory that whoever renews it writes (a mounted Secret)."""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nice_operator.domain.errors import Unavailable
from nice_operator.ports import Clock

_log = logging.getLogger(__name__)

CERTIFICATE, KEY = "tls.crt", "tls.key"
LOOK_EVERY = 5.0
"""Seconds. A kubelet brings what was renewed within a minute or two; old and new are valid side by side."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """What certificate and key held when they were read; ``place`` is where the certificate lay."""

    place: Path
    certificate: bytes
    key: bytes = field(repr=False)


class ServerCertificate:
    """``context`` is for the server; new connections get what was read last. A service of every replica."""

    name = "certificate"

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Raises Unavailable when there is no usable pair yet."""
        self._folder = folder
        self._clock = clock
        self._complaint = ""
        self.context = _context()
        self._take(self._find())

    async def run(self, beat: Callable[[], None]) -> None:
        """Look for a renewed one until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY)
            self.look()
            beat()

    def look(self) -> None:
        """Take a renewed pair. One that cannot be used is told once, and the earlier one goes on."""
        try:
            pair = self._find()
            if pair == self._pair:
                self._complaint = ""
                return
            self._take(pair)
            _log.info("a renewed certificate is used from now on")
        except Unavailable as error:
            if str(error) != self._complaint:
                _log.warning("the earlier certificate stays in use: %s", error)
            self._complaint = str(error)

    def _take(self, pair: _Pair) -> None:
        """Tried first on a context of its own: one that was given a bad pair serves nobody any more."""
        try:
            with _files(pair) as (certificate, key):
                _context().load_cert_chain(certificate, key)
                self.context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise Unavailable(
                f"{pair.place} and its {KEY} cannot be used: {getattr(error, 'reason', '') or error}"
            ) from error
        self._pair = pair

    def _find(self) -> _Pair:
        """Both from one place: a kubelet exchanges all files at once by turning one link, and between two
        readings through that link a new certificate could meet an old key."""
        place = self._folder / CERTIFICATE
        try:
            certificate = place.resolve(strict=True)
            key = certificate.with_name(KEY)
            return _Pair(certificate, certificate.read_bytes(), key.read_bytes())
        except OSError as error:
            raise Unavailable(
                f"{self._folder} holds no certificate: expected the files {CERTIFICATE} and {KEY} ({error})"
            ) from error


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def _files(pair: _Pair) -> Iterator[tuple[Path, Path]]:
    """Private files with what was read, as OpenSSL wants files: whoever renews the pair may take its own away
    between the trial and the use."""
    with tempfile.TemporaryDirectory(prefix="nice-tls-") as folder:
        certificate, key = Path(folder, CERTIFICATE), Path(folder, KEY)
        for file, content in ((certificate, pair.certificate), (key, pair.key)):
            with open(file, "xb", opener=_private) as opened:
                opened.write(content)
        yield certificate, key


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
