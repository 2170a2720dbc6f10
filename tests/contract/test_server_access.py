"""Getting into a real server by a directory of files: TLS, changing passwords, what is told of failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.store import DatabasePlace, SqlStore
from tests.cluster.certificates import Authority
from tests.support.mariadb import MariaDb
from tests.support.servers import private_server
from tests.support.stores import read_spec

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PyMySQL, when refused


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[MariaDb]:
    """One that speaks TLS, with two users: one by password, one who must show a certificate too."""
    with private_server() as made:
        made.stop()
        pair = authority.issue("database", "database", hosts=["localhost", "127.0.0.1"])
        options = (f"--ssl-cert={pair.certificate}", f"--ssl-key={pair.key}", f"--ssl-ca={authority.root}")
        made.start(*options)
        made.execute(
            "CREATE DATABASE access",
            "CREATE USER 'nice'@'127.0.0.1' IDENTIFIED BY 'old' REQUIRE SSL",
            "CREATE USER 'shown'@'127.0.0.1' REQUIRE X509",
            "GRANT ALL ON access.* TO 'nice'@'127.0.0.1'",
            "GRANT ALL ON access.* TO 'shown'@'127.0.0.1'",
        )
        yield made


def files(tmp_path: Path, server: MariaDb, user: str = "nice", **values: str) -> Path:
    tmp_path.mkdir(exist_ok=True)
    values.setdefault("url", f"mysql+pymysql://{user}@127.0.0.1:{server.port}/access")
    for name, value in values.items():
        (tmp_path / name.replace("_", ".")).write_text(f"{value}\n")
    return tmp_path


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[SqlStore]:
    store = await SqlStore.open(DatabasePlace(directory), read_spec=read_spec)
    try:
        yield store
    finally:
        await store.close()


def _cipher(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(sa.text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1])


def _drop_connections(store: SqlStore) -> None:
    """As pool_recycle does by itself after some minutes."""
    store.database.writer.dispose()
    store.database.reader.dispose()


async def test_with_an_authority_the_connection_is_encrypted_and_the_server_known(
    tmp_path: Path, server: MariaDb, authority: Authority
) -> None:
    place = files(tmp_path, server, password="old", ca_crt=authority.root.read_text())
    async with opened(place) as store:
        assert await store.database.run_alone(_cipher) != ""


async def test_a_server_that_another_authority_vouches_for_is_refused(
    tmp_path: Path, server: MariaDb
) -> None:
    other = Authority.create(tmp_path / "other")
    place = files(tmp_path / "files", server, password="old", ca_crt=other.root.read_text())

    with pytest.raises(Unavailable, match="certificate verify failed"):
        async with opened(place):
            pass


async def test_a_server_of_another_name_is_refused(
    tmp_path: Path, server: MariaDb, authority: Authority
) -> None:
    url = f"mysql://nice@127.0.0.2:{server.port}/access"
    server.stop()
    pair = authority.pair("database")
    server.start(f"--ssl-cert={pair.certificate}", f"--ssl-key={pair.key}", "--bind-address=0.0.0.0")
    try:
        with pytest.raises(Unavailable, match="IP address mismatch"):
            async with opened(
                files(tmp_path, server, url=url, password="old", ca_crt=authority.root.read_text())
            ):
                pass
    finally:
        server.stop()
        server.start(f"--ssl-cert={pair.certificate}", f"--ssl-key={pair.key}", f"--ssl-ca={authority.root}")


async def test_a_certificate_of_ours_is_shown(tmp_path: Path, server: MariaDb, authority: Authority) -> None:
    ours = authority.issue("client", "client")
    place = files(tmp_path, server, "shown", ca_crt=authority.root.read_text())
    with pytest.raises(Unavailable, match="Access denied"):
        async with opened(place):
            pass
    (place / "tls.crt").write_text(ours.certificate.read_text())
    (place / "tls.key").write_text(ours.key.read_text())

    async with opened(place) as store:
        assert await store.now()


async def test_a_changed_password_counts_from_the_next_connection_on(tmp_path: Path, server: MariaDb) -> None:
    place = files(tmp_path, server, password="old")
    async with opened(place) as store:
        assert await store.now()
        server.execute("ALTER USER 'nice'@'127.0.0.1' IDENTIFIED BY 'new'")
        try:
            assert await store.now()  # what is connected goes on
            _drop_connections(store)
            with pytest.raises(Unavailable, match="Access denied"):
                await store.now()
            (place / "password").write_text("new\n")

            assert await store.now()
        finally:
            server.execute("ALTER USER 'nice'@'127.0.0.1' IDENTIFIED BY 'old'")


async def test_files_that_vanish_are_an_outage_and_not_the_end(tmp_path: Path, server: MariaDb) -> None:
    place = files(tmp_path, server, password="old")
    text = (place / "url").read_text()
    async with opened(place) as store:
        (place / "url").unlink()
        _drop_connections(store)
        with pytest.raises(Unavailable, match="url"):
            await store.now()
        with pytest.raises(Unavailable, match="url"):
            await store.secret("a")
        (place / "url").write_text(text)

        assert await store.now()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no such file, or an empty one"),
        ("nonsense", "no URL"),
        ("postgresql://u@h/n", "found postgresql://u@h/n"),
        ("mysql://u:secret@h:3306", r"found mysql://u:\*\*\*@h:3306"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_with_its_file(tmp_path: Path, url: str, said: str) -> None:
    (tmp_path / "url").write_text(url)

    with pytest.raises(InvalidInput, match=said) as refused:
        DatabasePlace(tmp_path).login()
    assert f"{tmp_path}/url" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_certificate_without_its_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mysql://u@h/n")
    (tmp_path / "tls.crt").write_text("x")

    with pytest.raises(InvalidInput, match=r"found no tls\.key"):
        DatabasePlace(tmp_path).login()
