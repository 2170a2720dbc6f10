"""B26, B27: upgrades and frames that no honest peer sends, on every WebSocket."""

from __future__ import annotations

import asyncio
import json

from tests.integration.hostile.doors import DOORS, Door, each_door
from tests.support.api import ApiServer
from tests.support.bystander import Attack, Watch
from tests.support.raw_http import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
    raw_socket,
    request,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def upgrade(door: Door, **headers: str) -> bytes:
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13",
              "Sec_WebSocket_Key": KEY}  # fmt: skip
    return request("GET", door.path, **{k: v for k, v in (wanted | door.headers | headers).items() if v})


ORIGINS = ["https://evil.example", "null", "http://localhost.evil.example", "file://", "http://localhost:1",
           "https://evil.example#http://localhost"]  # fmt: skip


@each_door
async def test_b26_a_page_of_another_site_is_403_before_the_upgrade(attack: Attack, door: Door) -> None:
    for origin in ORIGINS:
        assert (await attack(upgrade(door, Origin=origin))).status == 403, origin
    assert (await attack(upgrade(door, Cookie="session=1"))).status == 403
    assert (await attack(upgrade(door, Sec_Fetch_Site="same-site"))).status == 403


@each_door
async def test_b26_a_handshake_that_is_none_is_refused(attack: Attack, door: Door) -> None:
    for changes in (
        {"Sec_WebSocket_Version": "99"}, {"Sec_WebSocket_Version": ""}, {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": "short"}, {"Sec_WebSocket_Key": "~" * 24}, {"Upgrade": ""}, {"Upgrade": "h2c"},
        {"Connection": ""},
    ):  # fmt: skip
        said = await attack(upgrade(door, **changes))
        assert said.status in (400, 426), (changes, said)
        assert b"Traceback" not in said.body


async def the_rest(api: ApiServer, door: Door, watch: Watch, *sent: bytes) -> int:
    """The code with which a connection ends on which these frames came."""
    assert api.client.port is not None
    async with raw_socket(api.client.port, door.path, **door.headers) as socket:
        await door.enter(socket)
        watch.start_over()
        sending = asyncio.create_task(socket.send(*sent))
        code = await socket.ended()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        return code


BROKEN = {
    "bytes that are no UTF-8": (1007, [frame(TEXT, b'"\xff"')]),
    "half a character": (1007, [frame(TEXT, b'"\xed\xa0\x80"')]),
    "UTF-8 broken over two frames": (1007, [frame(TEXT, b'"\xc3', fin=False), frame(CONTINUATION, b'"')]),
    "a reserved opcode": (1002, [frame(3, b"x")]),
    "a reserved control opcode": (1002, [frame(0xB, b"x")]),
    "a compressed frame that was not agreed on": (1002, [frame(TEXT, b"\xaa\x02\x00", rsv=4)]),
    "other reserved bits": (1002, [frame(TEXT, b"{}", rsv=1)]),
    "a ping of 126 bytes": (1002, [frame(PING, b"x" * 126)]),
    "a ping in pieces": (1002, [frame(PING, b"x", fin=False)]),
    "the middle without a beginning": (1002, [frame(CONTINUATION, b"x")]),
    "a beginning inside of another": (1002, [frame(TEXT, b"{", fin=False), frame(TEXT, b"}")]),
    "a close code that there is not": (1002, [frame(CLOSE, b"\x00\x01")]),
    "half a close code": (1002, [frame(CLOSE, b"\x03")]),
}


@each_door
async def test_b27_a_frame_against_the_rules_ends_the_connection_with_its_code(
    api: ApiServer, watch: Watch, door: Door
) -> None:
    for name, (code, sent) in BROKEN.items():
        assert await the_rest(api, door, watch, *sent) == code, name


@each_door
async def test_b27_a_message_beyond_any_use_ends_the_connection(
    api: ApiServer, watch: Watch, door: Door
) -> None:
    piece = b"x" * 65536
    pieces = [frame(CONTINUATION, piece, fin=False)] * (door.limit // len(piece) + 1)
    for sent in (
        [frame(TEXT, b"x" * door.limit)],
        [frame(BINARY, b"x" * door.limit)],
        [b"\x81\xff" + (2**62).to_bytes(8) + bytes(4), b"x" * 1000],
        [frame(TEXT, b"x", fin=False), *pieces],
    ):
        assert await the_rest(api, door, watch, *sent) in (1009, 1002)


@each_door
async def test_b27_compression_is_offered_and_never_agreed_on(api: ApiServer, door: Door) -> None:
    offer = {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"}
    async with raw_socket(api.client.port, door.path, **door.headers, **offer) as socket:  # type: ignore[arg-type]
        assert "extensions" not in socket.head.lower()


@each_door
async def test_b27_a_message_in_thousands_of_pieces_and_pings_between_them_is_one_message(
    api: ApiServer, watch: Watch, door: Door
) -> None:
    text = json.dumps({"action": "Dance", "type": "dance", "x": "y" * 3000}).encode()
    parts = [frame(TEXT, text[:1], fin=False)]
    for byte in text[1:-1]:
        parts += [frame(CONTINUATION, bytes([byte]), fin=False), frame(PING, bytes([byte]))]
    parts.append(frame(CONTINUATION, text[-1:]))
    async with raw_socket(api.client.port, door.path, **door.headers) as socket:  # type: ignore[arg-type]
        await door.enter(socket)
        watch.start_over()
        sending = asyncio.create_task(socket.send(*parts))
        opcodes = []
        while not opcodes or opcodes[-1] == PONG:
            opcodes.append((await socket.hear())[0])
        await sending
    assert opcodes == [PONG] * (len(text) - 2) + [TEXT]


@each_door
async def test_b27_a_message_that_never_ends_disturbs_nobody(
    api: ApiServer, watch: Watch, door: Door
) -> None:
    async with raw_socket(api.client.port, door.path, **door.headers) as socket:  # type: ignore[arg-type]
        await door.enter(socket)
        watch.start_over()
        await socket.send(frame(TEXT, b"{", fin=False))
        for _ in range(500):
            await socket.send(frame(CONTINUATION, b" ", fin=False))
        served = watch.served
        async with asyncio.timeout(20):
            while watch.served < served + 5:
                await socket.send(frame(CONTINUATION, b" ", fin=False))
                await asyncio.sleep(0)


async def test_b27_binary_is_read_as_text_at_the_root_and_ends_the_worker_link(
    api: ApiServer, watch: Watch
) -> None:
    assert api.client.port is not None
    for path in ("/websocket", "/worker"):
        async with raw_socket(api.client.port, path) as socket:
            await socket.send(frame(BINARY, b"\x80\x04K\x01."))
            assert json.loads(await socket.text())["statusCode"] == 400
            await socket.send(frame(BINARY, b'{"action":"Dance"}'))
            await socket.text()
    assert await the_rest(api, DOORS["link"], watch, frame(BINARY, b"{}")) == 1008
