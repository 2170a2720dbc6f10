"""B20 to B22, B24, B25: heads, methods, addresses and queries that nobody means well with."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from nice_operator.web.app import all_routes
from nice_operator.web.headers import CONTENT_SECURITY_POLICY
from nice_operator.web.options import WebOptions
from tests.support.api import ApiServer, api_server
from tests.support.bystander import Attack
from tests.support.raw_http import answer, request

HOST = b"Host: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n\r\n"
POST = b"POST /task/work HTTP/1.1\r\n" + HOST
GET = b"GET /tasks HTTP/1.1\r\n" + HOST

NO_HTTP = {
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2" + END + b"12",
    "the same length twice": POST + b"Content-Length: 1\r\nContent-Length: 1" + END + b"1",
    "length and chunks": POST + b"Content-Length: 1\r\n" + CHUNKED + b"\r\n0" + END,
    "chunks and length": POST + CHUNKED + b"Content-Length: 1\r\n\r\n0" + END,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0" + END,
    "a negative length": POST + b"Content-Length: -1" + END,
    "a length with a sign": POST + b"Content-Length: +1" + END + b"1",
    "a chunk of no size": POST + CHUNKED + b"\r\nzz\r\n",
    "a cookie of 64 KiB": GET + b"Cookie: " + b"a" * 65536 + END,
    "200 headers": GET + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "an address of 64 KiB": b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "two hosts": GET + b"Host: evil.example" + END,
    "no host": b"GET /tasks HTTP/1.1" + END,
    "a NUL in a header": GET + b"X: a\0b" + END,
    "a bare CR in a header": GET + b"X: a\rb" + END,
    "a folded header": GET + b"X: a\r\n b" + END,
    "a space before the colon": GET + b"X : a" + END,
    "a tag for a header": GET + b"<script>alert(1)</script>: a" + END,
    "a byte that no address has": b"GET /t\xc3\xa4sks HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + END,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM" + END,
    "an unknown version": b"GET /tasks HTTP/7.7\r\n" + HOST + b"\r\n",
    "noise": bytes(range(1, 256)) + END,
}


async def test_b20_what_is_no_http_is_400_with_our_headers_and_none_of_its_own_text(attack: Attack) -> None:
    for name, sent in NO_HTTP.items():
        said = await attack(sent)

        assert said.status == 400, (name, said)
        assert CONTENT_SECURITY_POLICY in said.head, name
        assert "nosniff" in said.head, name
        assert "aiohttp" not in said.head + said.body.decode(), name
        assert set(json.loads(said.body)) == {"statusCode", "error", "message"}, name
        for mine in (b"script", b"aaaa", b"evil", b"zz", b"\\x", b"b'"):
            assert mine not in said.body, (name, said.body)


async def test_b20_a_second_request_behind_a_malformed_one_is_not_carried_out(
    api: ApiServer, attack: Attack
) -> None:
    smuggled = request("POST", "/schedule/2100-01-01T00:00:00Z/work", b"1")
    for sent in NO_HTTP.values():
        await attack(sent + smuggled)
    assert (await (await api.get("/api/v1/runs")).json())["runs"] == []


TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx",
         "text/json; charset=utf-8", ";;;=\xff", "application/json, text/plain", "*/*"]  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/tasks/default/job/runs", "/api/v1/runs/{id}/retry"])
async def test_b20_a_type_that_is_not_json_is_415_in_the_api(
    api: ApiServer, attack: Attack, path: str
) -> None:
    run = await api.run("job")
    for kind in TYPES:
        said = await attack(request("POST", path.format(**run), b'{"payload":1}', Content_Type=kind))
        assert said.status == 415, (kind, said)
    said = await attack(request("POST", path.format(**run), b'{"payload":1}'))
    assert said.status == 415
    assert len((await (await api.get("/api/v1/runs")).json())["runs"]) == 1


async def test_b20_a_line_break_in_a_name_begins_no_header(attack: Attack) -> None:
    broken = "work%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>"
    for sent in (
        request("POST", f"/schedule/2100-01-01T00:00:00Z/{broken}", b"1"),
        request("POST", f"/api/v1/tasks/default/{broken}/runs", b"{}", Content_Type="application/json"),
        request("POST", f"/ui/tasks/default/{broken}/runs"),
        request("GET", f"/ui/tasks/default/{broken}", Accept="text/html"),
        request("GET", f"/api/v1/runs?cursor={broken}"),
        request("GET", f"/static/{broken}/style.css"),
    ):
        said = await attack(sent)
        assert "set-cookie" not in said.head.lower(), said
        assert b"<script>" not in said.body or "application/json" in said.head, said


IDS = [
    "..%2f..%2fetc%2fpasswd", "%00", "' OR 1=1 --", "💥", "01890000-0000-7000-8000-00000000000G",
    "{upper}", "{upper}%00", "{id}%20", "%7B{id}%7D", "{hex}", "urn:uuid:{id}", "0", "-1", "9" * 400,
    "%ff%fe", "%e2%80%ae", "null", "__proto__", "01890000-0000-7000-8000-000000000000",
]  # fmt: skip
OF_A_RUN = [
    ("GET", "/api/v1/runs/{}"), ("POST", "/api/v1/runs/{}/cancel"), ("POST", "/api/v1/runs/{}/retry"),
    ("GET", "/api/v1/runs/{}/logs"), ("GET", "/ui/runs/{}"), ("POST", "/ui/runs/{}/cancel"),
    ("POST", "/ui/runs/{}/retry"),
]  # fmt: skip


async def test_b21_every_id_that_names_nothing_is_404_in_the_same_words(
    api: ApiServer, attack: Attack
) -> None:
    run = str((await api.run("job"))["id"])
    for pattern in IDS:
        named = quote(pattern.format(id=run, upper=run.upper(), hex=run.replace("-", "")), safe="%")
        for method, path in OF_A_RUN:
            said = await attack(request(method, path.format(named)))
            assert said.status == 404, (pattern, said)
            if path.startswith("/api"):
                assert set(json.loads(said.body)) == {"statusCode", "error", "message"}, pattern


async def test_b21_taking_back_what_is_no_scheduled_job_finds_nothing(api: ApiServer, attack: Attack) -> None:
    other = await api.run("job")
    for pattern in [*IDS, str(other["id"])]:
        named = pattern.format(id=other["id"], upper=str(other["id"]).upper(), hex="0" * 32)
        said = await attack(request("DELETE", f"/scheduled/{quote(named, safe='%')}"))
        assert (said.status, said.body) == (200, b'{"found":false}'), pattern


async def test_b21_a_job_of_another_namespace_is_not_found_from_here(api: ApiServer, attack: Attack) -> None:
    await api.define("secret", namespace="other")
    said = await attack(request("GET", "/tasks"))
    assert b"secret" not in said.body
    said = await attack(request("POST", "/schedule/2100-01-01T00:00:00Z/other%2Fsecret", b"1"))
    assert said.status in (400, 404), said


QUERIES = {
    "limit=-1": 200, "limit=1000000000": 200, "limit=1e9": 400, "limit=99999999999999999999999": 400,
    "limit=%00": 400, "limit=0x10": 400, "limit=٣": 400, "offset=18446744073709551616": 200,
    "sort=password": 200, "order=;DROP%20TABLE%20runs": 200, "cursor=1": 400, "cursor=%00": 400,
    "cursor=' OR 1=1": 400, "cursor=ffffffff-ffff-ffff-ffff-ffffffffffff": 200,
    "state=running' OR '1'='1": 400,
    "state=%00": 400, "namespace=' OR 1=1 --": 200, "namespace=%00%ff": 200, "task=' OR 1=1 --": 404,
    "limit=1&limit=2": 200, "&&&=&=": 200, "a[]=1&a[0]=2&__proto__[x]=1": 200, "x=" + "y" * 7000: 200,
}  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/runs", "/ui/runs"])
async def test_b22_a_query_is_clamped_refused_or_means_nothing(
    api: ApiServer, attack: Attack, path: str
) -> None:
    await api.run("job")
    for query, status in QUERIES.items():
        said = await attack(request("GET", f"{path}?{quote(query, safe='%&=[]')}"))
        assert said.status in ((status,) if path.startswith("/api") else (200, 400, 404)), (query, said)


async def test_b22_a_forged_cursor_shows_nothing_that_the_list_would_not(
    api: ApiServer, attack: Attack
) -> None:
    await api.define("secret", namespace="other")
    secret = await (await api.post("/api/v1/tasks/other/secret/runs")).json()
    said = await attack(request("GET", f"/api/v1/runs?namespace=default&cursor={secret['id']}"))
    assert json.loads(said.body)["runs"] == []


async def test_b22_a_list_of_large_runs_ends_where_its_answer_is_full(api: ApiServer, attack: Attack) -> None:
    payload = "x" * 1_000_000
    for _ in range(20):
        await api.run("job", payload=payload)
    seen: list[str] = []
    cursor = ""
    while True:
        said = await attack(request("GET", f"/api/v1/runs?limit=500{cursor}"))
        page = json.loads(said.body)
        assert len(said.body) < 20_000_000
        seen += [run["id"] for run in page["runs"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 20


CHANGING = [
    "/task/work", "/schedule/2100-01-01T00:00:00Z/work", "/scheduled/x", "/api/v1/tasks/default/job/runs",
    "/api/v1/runs/x/cancel", "/api/v1/runs/x/retry", "/ui/tasks/default/job/runs", "/ui/runs/x/cancel",
]  # fmt: skip


async def test_b24_nothing_is_changed_by_another_method(api: ApiServer, attack: Attack) -> None:
    for path in CHANGING:
        right = "DELETE" if path.startswith("/scheduled") else "POST"
        overriding = {"X_HTTP_Method_Override": right, "X_HTTP_Method": right, "X_Method_Override": right}
        for method in ("GET", "TRACE", "PUT", "PATCH", "OPTIONS", "PROPFIND", "get", right.lower()):
            said = await attack(request(method, f"{path}?_method={right}", **overriding))
            assert said.status in (400, 405), (method, path, said)
            assert b"localhost" not in said.body  # TRACE would repeat the head
    assert (await (await api.get("/api/v1/runs")).json())["runs"] == []


async def test_b25_a_foreign_host_is_421_at_every_door(attack: Attack) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    paths = ("/tasks", "/", "/websocket", "/worker", "/api/v1/worker", "/api/v1/runs")
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "localhost@evil", "[::2]"):
        for path in paths:
            for headers in ({}, upgrade):
                sent = request("GET", path, **headers).replace(b"Host: localhost", b"Host: " + host.encode())
                said = await attack(sent)
                assert said.status == 421, (host, path, said)


# ---------------------------------------------------------------- slow


async def test_s12_a_head_that_drips_holds_its_connection_no_longer_than_an_idle_one(tmp_path: Path) -> None:
    async with api_server(tmp_path, http={"keepalive_timeout": 0.3}) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
        async with asyncio.timeout(20):
            dripping = asyncio.create_task(_drip(writer, b"GET /tasks HTTP/1.1\r\nX: " + b"a" * 7000))
            assert await _until_hung_up(reader) == b""
            dripping.cancel()
        writer.close()


async def test_s12_a_body_that_drips_is_408(tmp_path: Path) -> None:
    async with api_server(tmp_path, WebOptions(body_within=0.3)) as api:
        await api.define("work", run={"external": {}})
        reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
        writer.write(POST + b"Content-Length: 100000" + END)
        async with asyncio.timeout(20):
            dripping = asyncio.create_task(_drip(writer, b"1" * 7000))
            assert (await answer(reader)).status == 408
            dripping.cancel()
        writer.close()


async def _until_hung_up(reader: asyncio.StreamReader) -> bytes:
    """What was still said. A server that hangs up with bytes unread resets the connection: also an end."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.01)


async def test_s12_a_thousand_connections_that_say_nothing_disturb_nobody(
    api: ApiServer, attack: Attack
) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", api.client.port) for _ in range(1000)]
    try:
        for _ in range(20):
            assert (await attack(request("GET", "/tasks"))).status == 200
    finally:
        for _, writer in idle:
            writer.close()


# ---------------------------------------------------------------- our own faults


async def test_s29_whatever_fails_on_our_side_is_told_by_its_id_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    streams = {"/api/v1/events", "/api/v1/runs/{id}/logs/events"}
    names = {"{id}": "01890000-0000-7000-8000-000000000000", "{when}": "2100-01-01T00:00:00Z"}
    async with api_server(tmp_path) as api:
        await api.engine.store.close()  # type: ignore[attr-defined]
        failed = 0
        for route in all_routes(WebOptions()):
            path = re.sub(r"{\w+}", lambda found: names.get(found[0], "work"), route.path)
            for accept in ("application/json", "text/html"):
                if route.path in streams:
                    continue
                answered = await api.client.request(
                    route.method, path, headers={"Accept": accept}, allow_redirects=False
                )
                text = await answered.text()
                failed += answered.status >= 500
                assert not re.search(r"Traceback|sqlite|sqlalchemy|site-packages|\.py\b|SELECT", text), path
                assert str(tmp_path) not in text, path
    caplog.clear()
    assert failed > 20
