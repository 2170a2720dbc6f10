"""Getting into a real Redis: TLS, password, ACL, sentinel; files that change while the program runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.lease.redis_client import ANSWER_SECONDS, RedisLink
from nice_operator.lease.redis_lock import RedisLock
from nice_operator.lease.redis_place import RedisAddress, RedisPlace
from nice_operator.lease.redis_wakeups import RedisWakeups
from tests.cluster.certificates import Authority
from tests.support.redis import RedisServer, private_redis, redis_files

WITHIN = 20.0
ACL = "nice on >secret resetchannels &nice:* ~nice:* +eval +get +set +pexpire +del +publish +subscribe"


def lock_at(files: Path, token: str = "one") -> tuple[RedisLock, RedisLink]:
    link = RedisLink(RedisPlace(files))
    return RedisLock(link, prefix="nice:", token=token, ttl=10), link


@asynccontextmanager
async def opened(files: Path) -> AsyncIterator[RedisLock]:
    lock, link = lock_at(files)
    try:
        yield lock
    finally:
        await link.close()


async def test_a_user_with_these_rights_alone_can_do_all_that_is_done(tmp_path: Path) -> None:
    with private_redis(tmp_path / "redis") as server:
        server.command("ACL", "SETUSER", *ACL.split())
        server.command("ACL", "SETUSER", "default", "off")
        files = redis_files(tmp_path / "files", server, username="nice", password="secret")
        async with opened(files) as lock:
            assert await lock.hold()
            await lock.release()
        one, two = (RedisWakeups(RedisPlace(files), prefix="nice:") for _ in range(2))
        for each in (one, two):
            await each.start()
        async with asyncio.timeout(WITHIN), two.subscribe("queue") as woken:
            await two.hearing.wait()
            await woken.wait(0)
            one.publish("queue")
            assert await woken.wait(WITHIN)
        for each in (one, two):
            await each.stop()


async def test_a_changed_password_counts_from_the_next_connection_on(tmp_path: Path) -> None:
    with private_redis(tmp_path / "redis", "--requirepass", "old") as server:
        files = redis_files(tmp_path / "files", server, password="old")
        async with opened(files) as lock:
            assert await lock.hold()
            server.kill()
            server.options = ("--requirepass", "new")
            server.start()
            with pytest.raises(Unavailable, match=r"WRONGPASS|invalid"):
                await lock.hold()
            (files / "password").write_text("new\n")

            assert await lock.hold()


async def test_over_tls_the_server_must_show_a_certificate_that_the_file_vouches_for(tmp_path: Path) -> None:
    authority, other = Authority.create(tmp_path / "ca"), Authority.create(tmp_path / "other")
    pair = authority.issue("redis", "redis", hosts=["localhost", "127.0.0.1"])
    options = ["--tls-cert-file", str(pair.certificate), "--tls-key-file", str(pair.key)]
    options += ["--tls-ca-cert-file", str(authority.root), "--tls-auth-clients", "no"]
    with private_redis(tmp_path / "redis", *options, "--tls-port", "0") as plain:
        plain.stop()
        plain.options = (*options, "--tls-port", str(plain.port), "--port", "0")
        plain.start()
        files = redis_files(
            tmp_path / "files", url=f"rediss://localhost:{plain.port}/0", ca_crt=other.root.read_text()
        )
        async with opened(files) as lock:
            with pytest.raises(Unavailable, match="certificate"):
                await lock.hold()
            (files / "ca.crt").write_text(authority.root.read_text())

            assert await lock.hold()


async def test_sentinels_lead_to_the_new_primary_after_a_failover(tmp_path: Path) -> None:
    with private_redis(tmp_path / "one") as one:
        replica_of = ("--replicaof", f"127.0.0.1 {one.port}")
        with (
            private_redis(tmp_path / "two", *replica_of) as two,
            private_redis(tmp_path / "sentinel", sentinel_of=one) as sentinel,
        ):
            await _said(sentinel, b"num-slaves\r\n$1\r\n1", "SENTINEL", "MASTER", "prime")
            files = redis_files(tmp_path / "files", url=f"redis+sentinel://127.0.0.1:{sentinel.port}/prime/0")
            async with opened(files) as lock:
                assert await lock.hold()
                one.kill()
                await _said(two, b"role:master", "INFO", "replication")

                assert await _held(lock)
                assert two.command("GET", "nice:leader") == b"$3\r\none\r\n"


async def test_a_frozen_server_is_given_up_soon(tmp_path: Path) -> None:
    with private_redis(tmp_path / "redis") as server:
        async with opened(redis_files(tmp_path / "files", server)) as lock:
            assert await lock.hold()
            server.freeze()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await lock.hold()

            assert time.monotonic() - began < ANSWER_SECONDS + 0.5


async def _held(lock: RedisLock) -> bool:
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            return await lock.hold()
        except Unavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def _said(server: RedisServer, expected: bytes, *words: str) -> None:
    deadline = time.monotonic() + WITHIN
    while expected not in (answer := server.command(*words)):
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.05)


def test_what_the_files_say_is_read_whole(tmp_path: Path) -> None:
    files = redis_files(
        tmp_path,
        url="rediss+sentinel://a:1,[::1]:2,c/prime/3",
        username="u",
        password="p",
        sentinel_password="s",
        ca_crt="x",
    )
    assert RedisPlace(files).read() == RedisAddress(
        hosts=(("a", 1), ("::1", 2), ("c", 26379)),
        database=3,
        master="prime",
        tls=True,
        username="u",
        password="p",
        sentinel_password="s",
        ca=files / "ca.crt",
    )


def test_a_password_in_the_url_counts_where_there_is_no_file(tmp_path: Path) -> None:
    address = RedisPlace(redis_files(tmp_path, url="redis://u%40x:p%3A@h")).read()

    assert (address.username, address.password, address.hosts) == ("u@x", "p:", (("h", 6379),))
    assert "p:" not in repr(address)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h", "begins with one of redis://"),
        ("h:6379", "begins with one of redis://"),
        ("redis+sentinel://h", r"redis\+sentinel://host:26379,host:26379/name/0"),
        ("redis://h/x", "redis://host:6379/0"),
        ("redis://h:99999", "no port between 1 and 65535"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_with_its_file(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        RedisPlace(redis_files(tmp_path, url=url)).read()

    assert str(tmp_path / "url") in str(refused.value)


def test_a_directory_without_a_url_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="found no file"):
        RedisPlace(tmp_path).read()
