"""A server that is attacked: meanwhile somebody else is served, and nothing unforeseen is logged."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from nice_operator.engine.settings import EngineSettings
from nice_operator.web.options import WebOptions
from tests.support.access import Gate
from tests.support.api import ApiServer, api_server
from tests.support.bystander import Attack, Watch, watching
from tests.support.raw_http import Said, say


@pytest.fixture(autouse=True)
def clean_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails the test whose attack leads to an error or a traceback in the log."""
    yield
    wrong = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR or r.exc_info]
    assert not wrong, [record.getMessage() for record in wrong]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    """With a task ``job`` that nobody serves, an external task ``work``, and the worker link."""
    options = WebOptions(unknown_name_wait=timedelta(seconds=0.2))
    settings = EngineSettings(lease=None, every_pool=True, poll=0.2, reconnect_wait=0.2)
    async with api_server(tmp_path, options, settings, gate=Gate()) as server:
        await server.define("job")
        await server.define("work", run={"external": {}}, retry={"backoff": {"initialSeconds": 0}})
        assert (await server.get("/", headers={"Accept": "text/html"})).status == 200
        yield server


@pytest.fixture
async def watch(api: ApiServer) -> AsyncIterator[Watch]:
    """The bystander."""
    gc.collect()
    gc.freeze()  # what the tests themselves hold is not the server's to look through
    try:
        async with watching(api) as found:
            yield found
    finally:
        gc.unfreeze()


@pytest.fixture
def attack(api: ApiServer, watch: Watch) -> Attack:
    """Bytes for the server, while the bystander looks on."""

    async def send(data: bytes, *, within: float = 20.0) -> Said:
        watch.start_over()
        assert api.client.port is not None
        return await say(api.client.port, data, within=within)

    return send
