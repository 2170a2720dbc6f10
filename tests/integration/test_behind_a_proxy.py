"""Behind another server: at its path, by its names, and with the users that it names."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from nice_operator.web.options import LOOPBACK_HOSTS, WebOptions
from nice_operator.web.proxy import TrustedProxy
from tests.support.api import api_server, echoes
from tests.support.proxy import reverse_proxy

ADDRESSES = re.compile(r'(?:href|src|action|data-changes|data-log)="([^"#]+)')
HERE = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
NICE = WebOptions(base_path="/nice")
ADA = {"X-Forwarded-User": "Ada Lovelace", "X-Forwarded-Email": "ada@example.com"}


@pytest.mark.parametrize("cut", [True, False], ids=["path cut off", "path passed on"])
async def test_every_address_of_every_page_leads_through_the_proxy(tmp_path: Path, cut: bool) -> None:
    async with api_server(tmp_path, NICE) as api, reverse_proxy(api.base, "/nice", cut=cut) as proxy:
        await api.define("hello")
        (await api.worker()).serve(echoes)
        run = await api.run("hello", payload=1)
        seen: set[str] = set()
        waiting = ["/nice/", f"/nice/ui/runs/{run['id']}"]
        while waiting:
            page = waiting.pop()
            answer = await proxy.get(page, headers={"Accept": "text/html"})
            assert answer.status == 200, page
            for address in ADDRESSES.findall(await answer.text()):
                assert address.startswith(("/nice/", "?", "data:")), (page, address)
                if address not in seen and address.startswith(("/nice/ui/", "/nice/static/")):
                    seen.add(address)
                    if not address.endswith(("/runs", "/cancel", "/retry", "?")):
                        waiting.append(address)
    assert {"/nice/ui/runs", "/nice/ui/workers", "/nice/ui/tasks/default/hello"} <= seen


@pytest.mark.parametrize("cut", [True, False], ids=["path cut off", "path passed on"])
async def test_buttons_and_api_work_through_the_proxy(tmp_path: Path, cut: bool) -> None:
    async with api_server(tmp_path, NICE) as api, reverse_proxy(api.base, "/nice", cut=cut) as proxy:
        await api.define("hello")
        (await api.worker()).serve(echoes)

        form = await proxy.post(
            "/nice/ui/tasks/default/hello/runs", data={"payload": "1"}, allow_redirects=False
        )
        assert form.status == 303
        assert re.fullmatch(r"/nice/ui/runs/[0-9a-f-]{36}", form.headers["Location"])

        made = await proxy.post("/nice/api/v1/tasks/default/hello/runs", json={"payload": 2})
        assert made.headers["Location"].startswith("/nice/api/v1/runs/")
        assert (await proxy.get(made.headers["Location"], params={"wait": "10"})).status == 200
        assert await (await proxy.post("/nice/task/hello", data="3")).json() == 3


async def test_the_path_alone_leads_to_the_first_page(tmp_path: Path) -> None:
    async with api_server(tmp_path, NICE) as api:
        answer = await api.get("/nice")
        assert (answer.status, answer.headers["Location"]) == (308, "/nice/")


async def test_a_name_of_the_outside_is_answered_to_only_when_it_was_named(tmp_path: Path) -> None:
    outside = {"Host": "tasks.example.com", "Origin": "https://tasks.example.com"}
    async with api_server(tmp_path) as api:
        assert (await api.get("/", headers=outside)).status == 421
    options = WebOptions(hosts=LOOPBACK_HOSTS | {"tasks.example.com"})
    async with api_server(tmp_path, options) as api:
        await api.define("hello")
        assert (await api.get("/", headers=outside)).status == 200
        answer = await api.post("/api/v1/tasks/default/hello/runs", json={}, headers=outside)
        assert answer.status == 201


async def test_the_user_that_a_trusted_proxy_names_is_shown_and_recorded(tmp_path: Path) -> None:
    options = WebOptions(base_path="/nice", proxy=TrustedProxy(HERE))
    async with (
        api_server(tmp_path, options) as api,
        reverse_proxy(api.base, "/nice", cut=False, user=ADA) as proxy,
    ):
        await api.define("hello")
        forged = {"X-Forwarded-User": "Mallory"}
        made = await (
            await proxy.post("/nice/api/v1/tasks/default/hello/runs", json={}, headers=forged)
        ).json()
        assert made["requestedBy"] == {"trigger": "api", "name": "Ada Lovelace", "email": "ada@example.com"}

        form = await proxy.post("/nice/ui/tasks/default/hello/runs", data={}, allow_redirects=False)
        page = await (await proxy.get(form.headers["Location"])).text()
        assert 'aria-label="Signed in as Ada Lovelace"' in page
        assert "Ada Lovelace" in page.split("Started by")[1][:200]

        run = (await (await proxy.get("/nice/api/v1/runs")).json())["runs"][0]
        assert run["requestedBy"] == {"trigger": "ui", "name": "Ada Lovelace", "email": "ada@example.com"}
        stopped = await (await proxy.post(f"/nice/api/v1/runs/{run['id']}/cancel")).json()
        assert stopped["message"] == "cancelled by Ada Lovelace"


@pytest.mark.parametrize(
    "proxy",
    [TrustedProxy(), TrustedProxy((ip_network("192.0.2.0/24"),))],
    ids=["nobody is trusted", "somebody else is trusted"],
)
async def test_a_name_that_nobody_trusted_sends_is_ignored(tmp_path: Path, proxy: TrustedProxy) -> None:
    async with api_server(tmp_path, WebOptions(proxy=proxy)) as api:
        await api.define("hello")
        answer = await api.post("/api/v1/tasks/default/hello/runs", json={}, headers=ADA)
        assert (await answer.json())["requestedBy"] == {"trigger": "api", "name": "", "email": ""}
        assert "Ada" not in await (await api.get("/", headers=ADA)).text()


async def test_a_name_sent_twice_is_refused_because_one_is_forged(tmp_path: Path) -> None:
    async with api_server(tmp_path, WebOptions(proxy=TrustedProxy(HERE))) as api:
        twice = [("X-Forwarded-User", "Ada"), ("X-Forwarded-User", "Mallory")]
        answer = await api.get("/api/v1/tasks", headers=twice)
        assert answer.status == 400
        assert "the header X-Forwarded-User came 2 times" in (await answer.json())["message"]


async def test_the_headers_have_the_names_that_one_gives_them(tmp_path: Path) -> None:
    proxy = TrustedProxy(HERE, "X-Auth-Request-Preferred-Username", "X-Auth-Request-Email")
    async with api_server(tmp_path, WebOptions(proxy=proxy)) as api:
        await api.define("hello")
        headers = {"X-Auth-Request-Email": "ada@example.com", "X-Forwarded-User": "Mallory"}
        answer = await api.post("/api/v1/tasks/default/hello/runs", json={}, headers=headers)
        assert (await answer.json())["requestedBy"]["name"] == ""
        assert "ada@example.com" in await (await api.get("/", headers=headers)).text()


async def test_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    async with api_server(tmp_path, WebOptions(proxy=TrustedProxy(HERE))) as api:
        headers = {"X-Forwarded-User": "<script>alert(1)</script>" + "x" * 5000}
        page = await (await api.get("/", headers=headers)).text()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


async def test_the_command_line_is_told_apart_from_programs(tmp_path: Path) -> None:
    async with api_server(tmp_path) as api:
        await api.define("hello")
        answer = await api.post(
            "/api/v1/tasks/default/hello/runs", json={}, headers={"User-Agent": "nicectl/1.0"}
        )
        assert (await answer.json())["requestedBy"]["trigger"] == "cli"
