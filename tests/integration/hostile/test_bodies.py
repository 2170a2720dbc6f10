"""B16 to B19, B23: what is sent as a body and a key, at every address that takes one."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from nice_operator.ports import RunFilter
from tests.support.api import ApiServer
from tests.support.bystander import Attack
from tests.support.raw_http import Said, request

MEBIBYTE = 1024 * 1024
JSON = {"Content_Type": "application/json"}
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


Door = Callable[[bytes], bytes]


def whole(path: str, **headers: str) -> Door:
    return lambda value: request("POST", path, value, **headers)


def member(path: str) -> Door:
    return lambda value: request("POST", path, b'{"payload":' + value + b"}", **JSON)


DOORS: dict[str, Door] = {
    "task": whole("/task/work"),
    "schedule": whole("/schedule/2100-01-01T00:00:00Z/work"),
    "api": member("/api/v1/tasks/default/job/runs"),
    "form": lambda value: request(
        "POST", "/ui/tasks/default/job/runs", b"payload=" + quote(value).encode(), **FORM
    ),
}
"""Each makes a request of a JSON text."""
QUICK = {name: door for name, door in DOORS.items() if name != "task"}
"""Those that answer before the job is done."""
each_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
each_quick_door = pytest.mark.parametrize("door", QUICK.values(), ids=QUICK)


def check_refused(said: Said, *statuses: int) -> None:
    assert said.status in statuses, (said.status, said.body[:300])
    assert b"Traceback" not in said.body
    assert b".py" not in said.body
    assert len(said.body) < 512 * 1024  # a page repeats what was typed


async def runs(api: ApiServer) -> int:
    return len((await api.engine.runs.list(RunFilter(limit=1000))).runs)


@each_door
@pytest.mark.parametrize("size", [MEBIBYTE + 1, 3 * MEBIBYTE])
async def test_b16_more_than_a_mebibyte_is_413(api: ApiServer, attack: Attack, door: Door, size: int) -> None:
    check_refused(await attack(door(b'"' + b"x" * size + b'"')), 413)
    assert await runs(api) == 0


async def test_b16_more_than_a_mebibyte_in_chunks_is_413(attack: Attack) -> None:
    head = b"POST /task/work HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    check_refused(await attack(head + chunk * 20 + b"0\r\n\r\n"), 413)


@each_quick_door
async def test_b16_a_mebibyte_of_every_shape_is_taken_and_nobody_waits(
    api: ApiServer, attack: Attack, door: Door
) -> None:
    room = MEBIBYTE - 100
    shapes = [
        b"[" + b",".join([b"1"] * (room // 2 - 1)) + b"]",
        b"[" + b",".join([b"{}"] * (room // 3 - 1)) + b"]",
        b"[" + b",".join([b'{"a":1}'] * (room // 8 - 1)) + b"]",
        b"[" + b",".join([b"1.5"] * (room // 4 - 1)) + b"]",
        b"[" + b",".join([b'"a"'] * (room // 4 - 1)) + b"]",
        b'"' + b"x" * (room - 2) + b'"',
        b'"' + b"\\u0041" * (room // 6 - 1) + b'"',
        b"{" + b",".join(b'"%d":1' % n for n in range(room // 11)) + b"}",
    ]
    if door is DOORS["form"]:
        shapes = [shape[:1] + shape[1:-1][: room // 4 * 4 // 3] + shape[-1:] for shape in shapes[5:6]]
    sent = [door(shape) for shape in shapes]
    for data in sent:
        said = await attack(data)
        assert said.status in (200, 201, 303), (said.status, said.body[:200])


DEEP = [
    b"[" * 100_000,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 20_000,
    b"[{" * 20_000,
    b"9" * 5000,
    b"-" * 9000,
]


@each_door
async def test_b17_nesting_and_numbers_beyond_use_are_400(api: ApiServer, attack: Attack, door: Door) -> None:
    for value in DEEP:
        check_refused(await attack(door(value)), 400)
    assert await runs(api) == 0


STRANGE = [
    b"NaN", b"-Infinity", b"1e999", b'{"a":1,"a":2}', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff"',
    b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b"\x00", b'"\x00"', b"01", b"1.", b"+1", b"0x10", b"'a'", b"[1,]",
    b"{'a':1}", b"nul", b"True", b"undefined", b"1 2", b"\x80\x04K\x01.", b"/*c*/1", b'"\\x41"', b'"a\nb"',
]  # fmt: skip


@each_door
async def test_b18_what_not_every_reader_reads_alike_is_400(
    api: ApiServer, attack: Attack, door: Door
) -> None:
    for value in STRANGE:
        check_refused(await attack(door(value)), 400)
    assert await runs(api) == 0


@each_quick_door
async def test_b18_what_is_odd_but_right_is_taken(attack: Attack, door: Door) -> None:
    for value in (b"null", b"0", b'""', b"1e308", b'"\\ud83d\\ude00"', b"9" * 1000):
        said = await attack(door(value))
        assert said.status in (200, 201, 303), said.body


@each_door
async def test_b19_a_compressed_body_is_415_and_not_unpacked(
    api: ApiServer, attack: Attack, door: Door
) -> None:
    bomb = gzip.compress(b" " * 50 * MEBIBYTE, 9)
    head, _, _ = door(b"1").partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    for encoding in (b"gzip", b"deflate", b"br", b"zstd", b"x-gzip", b"GZIP", b"gzip, identity"):
        sent = [*lines, b"Content-Encoding: " + encoding, b"Content-Length: %d" % len(bomb), b"", b""]
        check_refused(await attack(b"\r\n".join(sent) + bomb), 415)
    assert await runs(api) == 0


KEYED = {name: door for name, door in DOORS.items() if name in ("schedule", "api")}


each_keyed_door = pytest.mark.parametrize("door", KEYED.values(), ids=KEYED)


@each_keyed_door
async def test_b23_a_key_that_is_none_is_400(api: ApiServer, attack: Attack, door: Door) -> None:
    for key in ("", "k" * 256, "k" * 7000, "a\tb", "ü", "\x7f"):
        data = door(b"1").replace(b"\r\n\r\n", b"\r\nIdempotency-Key: " + key.encode() + b"\r\n\r\n", 1)
        check_refused(await attack(data), 400)
    assert await runs(api) == 0


@each_keyed_door
async def test_b23_a_thousand_at_once_with_one_key_are_one_run(
    api: ApiServer, attack: Attack, door: Door
) -> None:
    data = door(b'{"n":1}').replace(b"\r\n\r\n", b"\r\nIdempotency-Key: once\r\n\r\n", 1)

    async def one() -> str:
        said = await attack(data, within=60)
        assert said.status in (200, 201), said.body
        return str(json.loads(said.body)["id"])

    ids = {said for _ in range(10) for said in await asyncio.gather(*(one() for _ in range(100)))}

    assert len(ids) == 1
    assert await runs(api) == 1
    other = data.replace(b'"n":1', b'"n":2')
    check_refused(await attack(other), 422)
