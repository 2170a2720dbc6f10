"""The pool that the release brings is applied from its file, and again when the file changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from nice_operator.cluster.default_pool import DefaultPool
from nice_operator.domain.errors import InvalidInput
from nice_operator.ports import Term
from tests.support.scripted_kube import Answer, Asked, scripted_kube

POOL = "kind: NiceWorkerPool\nmetadata: {name: default}\nspec: {slots: %d}\n"


async def test_the_file_is_applied_once_and_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text(POOL % 4)
    heard: asyncio.Queue[Asked] = asyncio.Queue()

    def script(asked: Asked) -> Answer:
        if asked.method == "GET":
            return 200, {"metadata": {"uid": "uid-1"}}
        heard.put_nowait(asked)
        return 200, {}

    async with scripted_kube(tmp_path, script) as (_, api):
        duty = asyncio.create_task(
            DefaultPool(api, file, "nice", "brought", look_every=0.02).lead(Term(1, "one"))
        )
        try:
            first = await asyncio.wait_for(heard.get(), 5)
            file.write_text(POOL % 8)
            second = await asyncio.wait_for(heard.get(), 5)
        finally:
            duty.cancel()
            with suppress(asyncio.CancelledError):
                await duty

    assert first.path == "/apis/nicecommander.dev/v1beta1/namespaces/nice/niceworkerpools/default"
    assert [owner["uid"] for owner in first.body["metadata"]["ownerReferences"]] == ["uid-1"]
    assert first.query["fieldManager"] == "nice-commander"
    assert (first.body["spec"], second.body["spec"]) == ({"slots": 4}, {"slots": 8})
    assert heard.empty()


async def test_a_file_that_is_no_pool_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("just a text")

    async with scripted_kube(tmp_path) as (_, api):
        with pytest.raises(InvalidInput, match=r"pool\.yaml: expected a NiceWorkerPool"):
            await DefaultPool(api, file, "nice", "brought").lead(Term(1, "one"))
