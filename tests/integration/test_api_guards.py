"""What is true of every address: a policy, headers, refusals without detail, a true description."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nice_operator.web.app import all_routes, make_app
from nice_operator.web.headers import CONTENT_SECURITY_POLICY
from nice_operator.web.options import WebOptions
from nice_operator.web.routing import Access, policy_of
from tests.support.api import ApiServer, api_server, returns

SAFE = {"GET", "HEAD"}
UPGRADES = frozenset({"/worker"})
"""WebSockets on which nothing is only read; the origin rule holds for every upgrade."""
UNKNOWN = "01890000-0000-7000-8000-000000000000"
FORM = "application/x-www-form-urlencoded"
STREAMS = {("GET", "/api/v1/events")}
"""Answers that never end by themselves."""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path) as server:
        yield server


def concrete(path: str) -> str:
    """An address of a route, all of whose names are unknown."""
    names = {"id": UNKNOWN, "version": "x", "file": "none.css"}
    return re.sub(r"{(\w+)(:[^}]*\+)?}", lambda m: names.get(m[1], "nobody"), path)


async def test_every_route_of_the_router_has_a_policy(api: ApiServer) -> None:
    app = make_app(api.engine)
    for route in app.router.routes():
        assert isinstance(policy_of(route.handler), Access), route


async def test_whatever_changes_something_is_a_change_by_policy_and_an_unsafe_method() -> None:
    for route in all_routes(WebOptions()):
        unsafe = route.method not in SAFE or route.path in UPGRADES
        assert (route.access is Access.CHANGE) == unsafe, route


async def test_every_answer_carries_the_security_headers_and_no_detail(api: ApiServer) -> None:
    for method, path in sorted({(r.method, concrete(r.path)) for r in all_routes(WebOptions())} - STREAMS):
        answer = await api.client.request(method, path, allow_redirects=False)

        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Request-Id"], path
        assert answer.status < 500, path
        assert "Traceback" not in await answer.text(), path


async def test_a_foreign_page_can_change_nothing(api: ApiServer) -> None:
    changing = [
        route
        for route in all_routes(WebOptions())
        if route.access is Access.CHANGE or route.path == "/websocket"
    ]
    for route in changing:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"} if route.method == "GET" else {}
        for headers in (
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "null"},
        ):
            answer = await api.client.request(route.method, concrete(route.path), headers=headers | upgrade)
            assert answer.status == 403, route.path
    assert len(changing) == 11


async def test_no_address_answers_to_a_foreign_host(api: ApiServer) -> None:
    for path in sorted({concrete(route.path) for route in all_routes(WebOptions())}):
        answer = await api.get(path, headers={"Host": "evil.example"})
        assert answer.status in (421, 405), path
        assert "evil.example" not in await answer.text(), path


async def test_a_foreign_host_is_told_nothing_by_any_page(api: ApiServer) -> None:
    await api.define("secret-task")
    answer = await api.get("/", headers={"Host": "evil.example:9999", "Accept": "text/html"})
    assert answer.status == 421
    assert "secret-task" not in await answer.text()


async def test_a_foreign_page_cannot_upgrade_to_a_websocket(api: ApiServer) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Origin": "https://evil.example"}
    assert (await api.get("/tasks", headers=headers)).status == 403


async def test_a_compressed_body_is_refused_before_it_is_unpacked(api: ApiServer) -> None:
    await api.define("job")
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = await api.post("/api/v1/tasks/default/job/runs", data=b"\x1f\x8b" + b"\0" * 100, headers=headers)
    assert answer.status == 415


async def test_no_form_and_no_query_however_broken_is_a_fault_of_ours(api: ApiServer) -> None:
    await api.define("job")
    for address in ("/ui/tasks/default/job/runs", f"/ui/runs/{UNKNOWN}/cancel", f"/ui/runs/{UNKNOWN}/retry"):
        for kind in (FORM, f"{FORM}; charset=nonsense", "multipart/form-data; boundary=x"):
            for body in (b"", b"\xff", b"payload=%ff%00", b"&=&&", b"payload=" + b"[" * 100_000):
                answer = await api.post(address, data=body, headers={"Content-Type": kind})
                assert answer.status < 500, (address, kind, body[:20])
    for number in ("--5", "-", "%C2%B2", "1e9", "9" * 40, "%00"):
        assert (await api.get(f"/api/v1/runs?limit={number}")).status == 400, number


async def test_methods_that_do_nothing_are_405_with_the_ones_that_do(api: ApiServer) -> None:
    for method in ("TRACE", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = await api.client.request(method, "/api/v1/runs")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD"), method


async def test_head_answers_as_get_without_a_body(api: ApiServer) -> None:
    await api.define("job")
    for path in ("/", "/tasks", "/api/v1/tasks", "/ui/tasks/default/job"):
        got, head = await api.get(path), await api.client.head(path)
        assert (head.status, head.headers["Content-Type"]) == (got.status, got.headers["Content-Type"])
        assert await head.read() == b""


async def test_an_unforeseen_error_shows_its_request_id_and_nothing_else(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    await api.define("job")
    await api.engine.store.close()  # type: ignore[attr-defined]

    with caplog.at_level(logging.ERROR):
        answer = await api.get("/api/v1/tasks")
        page = await api.get("/", headers={"Accept": "text/html"})

    document = await answer.json()
    assert answer.status in (500, 503)
    assert set(document) <= {"statusCode", "error", "message", "requestId"}
    for text in (str(document), await page.text()):
        assert not re.search(r"Traceback|sqlite|site-packages|\.py|File ", text, re.IGNORECASE)


async def test_people_get_a_page_and_programs_get_json(api: ApiServer) -> None:
    for_people = await api.get("/ui/nowhere", headers={"Accept": "text/html,*/*"})
    for_programs = await api.get("/ui/nowhere", headers={"Accept": "*/*"})
    from_api = await api.get("/api/v1/nowhere", headers={"Accept": "text/html"})

    assert [a.content_type for a in (for_people, for_programs, from_api)] == [
        "text/html", "application/json", "application/json",
    ]  # fmt: skip
    assert {a.status for a in (for_people, for_programs, from_api)} == {404}


async def test_a_header_that_does_not_belong_is_never_reflected(api: ApiServer) -> None:
    answer = await api.get("/api/v1/runs?state=<script>", headers={"Accept": "text/html"})
    assert answer.content_type == "application/json"
    page = await api.get("/ui/runs?state=<script>alert(1)</script>", headers={"Accept": "text/html"})
    assert "<script>alert" not in await page.text()


async def test_view_only_shows_everything_and_changes_nothing(tmp_path: Path) -> None:
    async with api_server(tmp_path, WebOptions(view_only=True)) as api:
        await api.define("job")
        looked = await api.get("/", headers={"Accept": "text/html"})
        asked = await api.post("/api/v1/tasks/default/job/runs")
        called = await api.post("/task/job", data=b"1")
        text = await looked.text()

    assert (looked.status, asked.status, called.status) == (200, 403, 403)
    assert "<form" not in text


async def test_under_a_base_path_every_link_of_every_page_leads_somewhere(tmp_path: Path) -> None:
    async with api_server(tmp_path, WebOptions(base_path="/nice")) as api:
        await api.define("job")
        worker = await api.worker()
        worker.serve(returns("1"))
        created = await api.post("/nice/api/v1/tasks/default/job/runs")
        location = created.headers["Location"]
        assert (await api.get(location + "?wait=20")).status == 200
        run = location.rpartition("/")[2]
        for page in ("/nice/", "/nice/ui/runs", "/nice/ui/tasks/default/job", f"/nice/ui/runs/{run}"):
            text = await (await api.get(page)).text()
            for link in set(re.findall(r'(?:href|src)="(/[^"]*)"', text)):
                assert link.startswith("/nice/"), (page, link)
                assert (await api.get(link.replace("&amp;", "&"))).status == 200, (page, link)


async def test_the_openapi_document_lists_exactly_the_routes_there_are(api: ApiServer) -> None:
    document = await (await api.get("/api/v1/openapi.json")).json()

    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    pages = {"/", "/static"}
    there = {
        (route.method, route.path)
        for route in all_routes(WebOptions())
        if route.path not in pages and not route.path.startswith(("/ui/", "/static/"))
    }
    assert described == there
    operations: list[dict[str, Any]] = [o for methods in document["paths"].values() for o in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


async def test_only_our_own_files_are_served_and_for_good(api: ApiServer) -> None:
    text = await (await api.get("/")).text()
    sheet = re.findall(r'href="(/static/[^"]+\.css)"', text)[0]
    answer = await api.get(sheet)
    assert (answer.status, answer.content_type) == (200, "text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    for name in ("..%2f..%2fapp.py", "%2e%2e", "base.html", "style.css%00"):
        assert (await api.get(f"/static/x/{name}")).status == 404
