"""The server's certificate: shown to whoever connects, exchanged while it serves, never for rubbish."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectorCertificateError, ClientSession, web

from nice_operator.bootstrap import sockets
from nice_operator.bootstrap.certificate import ServerCertificate
from nice_operator.bootstrap.serving import serving
from nice_operator.domain.errors import Unavailable
from tests.cluster.certificates import Authority, Pair
from tests.fakes.clock import FakeClock

LOGGER = "nice_operator.bootstrap.certificate"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "authority")


class Mounted:
    """A folder as a kubelet makes it: the files are links through ``..data``, which is turned at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        folder.mkdir()
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")

    def holds(self, certificate: Path, key: Path) -> None:
        self._count += 1
        version = self.folder / f"..{self._count}"
        version.mkdir()
        shutil.copy(certificate, version / "tls.crt")
        shutil.copy(key, version / "tls.key")
        turned = self.folder / "..next"
        turned.symlink_to(version.name)
        os.replace(turned, self.folder / "..data")


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    return Mounted(tmp_path / "tls")


def issue(authority: Authority, name: str) -> Pair:
    return authority.issue(name, "nice", hosts=["localhost"])


@asynccontextmanager
async def served(certificate: ServerCertificate) -> AsyncIterator[int]:
    """The port of a server that says hello."""

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    listeners = sockets.listen_on("127.0.0.1", 0)
    async with serving(app, listeners, certificate.context):
        yield listeners[0].getsockname()[1]


async def shown(port: int) -> bytes:
    """The certificate that a new connection is shown, as it is in its file."""
    anything = ssl.create_default_context()
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anything)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return found


def of(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


async def test_whoever_believes_the_authority_is_served_and_others_refuse(
    authority: Authority, mounted: Mounted
) -> None:
    pair = issue(authority, "first")
    mounted.holds(pair.certificate, pair.key)
    trust = ssl.create_default_context(cafile=str(authority.root))

    async with (
        served(ServerCertificate(mounted.folder, FakeClock())) as port,
        ClientSession() as client,
    ):
        async with client.get(f"https://localhost:{port}/", ssl=trust) as answer:
            assert await answer.text() == "hello"
        with pytest.raises(ClientConnectorCertificateError):
            await client.get(f"https://localhost:{port}/")


async def test_a_renewed_certificate_is_shown_without_a_restart_and_open_connections_go_on(
    authority: Authority, mounted: Mounted
) -> None:
    first, second = issue(authority, "first"), issue(authority, "second")
    mounted.holds(first.certificate, first.key)
    certificate = ServerCertificate(mounted.folder, FakeClock())
    trust = ssl.create_default_context(cafile=str(authority.root))

    async with served(certificate) as port, ClientSession() as client:
        async with client.get(f"https://localhost:{port}/", ssl=trust) as before:
            await before.text()
        assert await shown(port) == of(first)

        mounted.holds(second.certificate, second.key)
        certificate.look()

        assert await shown(port) == of(second)
        async with client.get(f"https://localhost:{port}/", ssl=trust) as after:
            assert await after.text() == "hello"


async def test_what_cannot_be_used_is_told_once_and_the_earlier_one_goes_on(
    authority: Authority, mounted: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = issue(authority, "first"), issue(authority, "second")
    mounted.holds(first.certificate, first.key)
    certificate = ServerCertificate(mounted.folder, FakeClock())

    async with served(certificate) as port:
        with caplog.at_level(logging.INFO, LOGGER):
            mounted.holds(second.certificate, first.key)
            certificate.look()
            certificate.look()
            assert await shown(port) == of(first)
            assert [record.levelname for record in caplog.records] == ["WARNING"]

            mounted.holds(second.certificate, second.key)
            certificate.look()
        assert await shown(port) == of(second)


async def test_it_looks_by_itself(authority: Authority, mounted: Mounted) -> None:
    first, second = issue(authority, "first"), issue(authority, "second")
    mounted.holds(first.certificate, first.key)
    clock, beaten = FakeClock(), asyncio.Event()
    certificate = ServerCertificate(mounted.folder, clock)
    looking = asyncio.create_task(certificate.run(beaten.set))

    async with served(certificate) as port:
        mounted.holds(second.certificate, second.key)
        await asyncio.wait_for(beaten.wait(), 10)
        assert await shown(port) == of(second)
    looking.cancel()


def test_a_certificate_that_is_not_there_yet_is_waited_for(authority: Authority, tmp_path: Path) -> None:
    empty = tmp_path / "nothing"
    empty.mkdir()
    with pytest.raises(Unavailable, match=r"holds no certificate: expected the files tls.crt and tls.key"):
        ServerCertificate(empty, FakeClock())

    (empty / "tls.crt").write_text("rubbish")
    (empty / "tls.key").write_text("rubbish")
    with pytest.raises(Unavailable, match=r"cannot be used"):
        ServerCertificate(empty, FakeClock())


async def test_a_pair_that_is_taken_away_once_it_was_read_is_served_all_the_same(
    authority: Authority, mounted: Mounted
) -> None:
    first, second = issue(authority, "first"), issue(authority, "second")
    mounted.holds(first.certificate, first.key)
    certificate = ServerCertificate(mounted.folder, FakeClock())
    mounted.holds(second.certificate, second.key)
    key = mounted.folder.resolve() / "..2" / "tls.key"
    content = key.read_bytes()
    key.unlink()
    os.mkfifo(key)  # can be read once, as what a kubelet is about to remove
    writer = threading.Thread(target=key.write_bytes, args=(content,), daemon=True)
    writer.start()

    async with served(certificate) as port:
        await asyncio.wait_for(asyncio.to_thread(certificate.look), 10)
        assert await shown(port) == of(second)
    writer.join(10)
