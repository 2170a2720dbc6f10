"""A server that is about to end takes no more requests, and says so at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api import ApiServer, api_server

DOORS = ("/task/job", "/schedule/2999-01-01T00:00:00Z/job", "/api/v1/tasks/default/job/runs")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path) as server:
        yield server


@pytest.mark.timeout(20)
@pytest.mark.parametrize("door", DOORS)
async def test_a_draining_server_refuses_a_request_at_once_and_says_when_to_try_again(
    api: ApiServer, door: str
) -> None:
    await api.define("job")
    assert await api.engine.drain(1.0)

    answer = await api.post(door)

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "draining" in (await answer.json())["message"]
    assert (await (await api.get("/api/v1/runs")).json())["runs"] == []


@pytest.mark.timeout(20)
async def test_a_draining_server_repeats_no_run(api: ApiServer) -> None:
    await api.define("job")
    run = (await api.run("job"))["id"]
    await api.engine.drain(1.0)

    answer = await api.post(f"/api/v1/runs/{run}/retry")

    assert answer.status == 503
