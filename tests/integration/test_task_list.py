"""The first page: scheduled and manual tasks apart, a button in each row."""

from __future__ import annotations

from pathlib import Path

from nice_operator.web.options import WebOptions
from tests.support.api import api_server


async def test_tasks_are_grouped_and_each_row_has_a_run_button(tmp_path: Path) -> None:
    async with api_server(tmp_path) as api:
        await api.define("nightly", schedule="0 3 * * *")
        await api.define("by-hand")
        page = await (await api.get("/")).text()

    scheduled, manual = page.split(">Manual <")
    assert ">Scheduled <" in scheduled
    assert 'aria-label="Run nightly now"' in scheduled
    assert 'aria-label="Run by-hand now"' in manual


async def test_a_server_that_only_shows_has_no_buttons(tmp_path: Path) -> None:
    async with api_server(tmp_path, WebOptions(view_only=True)) as api:
        await api.define("by-hand")
        page = await (await api.get("/")).text()

    assert "by-hand" in page
    assert "<button" not in page
