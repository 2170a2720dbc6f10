"""What the worker's client makes of AWS's answers, over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from nice_runner.logs.cloudwatch.client import CloudWatch, Place
from nice_runner.logs.cloudwatch.events import Event
from nice_runner.logs.cloudwatch.trouble import Away, Denied, Rejected
from tests.fakes.cloudwatch import FakeCloudWatch, Fault
from tests.support.aws import CREDENTIALS, REGION, cloudwatch_server, free_port

GROUP = "/nice/test"
STREAM = "default/hello/1/1"
DAY = 24 * 60 * 60 * 1000


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing that boto3 would find, but a file that is not there yet."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return file


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloudWatch]:
    fake = FakeCloudWatch()
    yield fake
    await fake.stop()


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with cloudwatch_server(free_port()) as url:
        yield url


async def test_credentials_that_come_later_are_found(cloud: FakeCloudWatch, no_credentials: Path) -> None:
    client = CloudWatch(Place(GROUP, REGION, await cloud.start()))
    with pytest.raises(Denied, match="Unable to locate credentials"):
        await asyncio.to_thread(client.prepare, STREAM)

    no_credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    await asyncio.to_thread(client.prepare, STREAM)

    assert list(cloud.groups[GROUP]) == [STREAM]


async def test_credentials_that_were_replaced_after_a_refusal_are_read_anew(
    cloud: FakeCloudWatch, no_credentials: Path
) -> None:
    seen: list[str] = []
    cloud.watch = lambda headers: seen.append(headers["Authorization"].split("Credential=")[1].split("/")[0])
    cloud.mood = lambda operation, body: (
        Fault(400, "UnrecognizedClientException", "unknown key") if seen[-1] == "OLD" else None
    )
    no_credentials.write_text("[default]\naws_access_key_id = OLD\naws_secret_access_key = b\n")
    client = CloudWatch(Place(GROUP, REGION, await cloud.start()))
    with pytest.raises(Denied, match="CreateLogStream: UnrecognizedClientException: unknown key"):
        await asyncio.to_thread(client.prepare, STREAM)

    no_credentials.write_text("[default]\naws_access_key_id = NEW\naws_secret_access_key = b\n")
    await asyncio.to_thread(client.prepare, STREAM)

    assert seen[0] == "OLD"
    assert seen[-1] == "NEW"


@pytest.mark.usefixtures("credentials")
async def test_a_server_that_is_no_cloudwatch_is_a_matter_for_people() -> None:
    async with TestServer(web.Application()) as server:
        client = CloudWatch(Place(GROUP, REGION, str(server.make_url("/"))))

        with pytest.raises(Denied, match="404"):
            await asyncio.to_thread(client.prepare, STREAM)


@pytest.mark.usefixtures("credentials")
async def test_an_answer_that_is_none_is_away() -> None:
    async def babble(request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>Bad Gateway")

    app = web.Application()
    app.router.add_post("/", babble)
    async with TestServer(app) as server:
        client = CloudWatch(Place(GROUP, REGION, str(server.make_url("/"))))

        with pytest.raises(Away):
            await asyncio.to_thread(client.prepare, STREAM)


@pytest.mark.usefixtures("credentials")
async def test_a_group_whose_retention_may_not_be_set_takes_lines_all_the_same(
    cloud: FakeCloudWatch, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.mood = lambda operation, body: (
        Fault(400, "AccessDeniedException", "no") if operation == "PutRetentionPolicy" else None
    )
    client = CloudWatch(Place(GROUP, REGION, await cloud.start()))

    await asyncio.to_thread(client.prepare, STREAM)

    assert list(cloud.groups[GROUP]) == [STREAM]
    assert "keeps its events for ever: expected to limit it to 30 days" in caplog.text


@pytest.mark.usefixtures("credentials")
async def test_events_that_aws_finds_too_old_or_too_new_are_given_back(cloud: FakeCloudWatch) -> None:
    """moto has another opinion on the index, which AWS calls exclusive."""
    client = CloudWatch(Place(GROUP, REGION, await cloud.start()))
    await asyncio.to_thread(client.prepare, STREAM)
    now = time.time_ns() // 1_000_000
    moments = [now - 20 * DAY, now - 15 * DAY, now - 14 * DAY + 60_000, now, now + DAY // 4]

    by_age = [
        await asyncio.to_thread(client.put, STREAM, [_event(n, at) for n, at in enumerate(some, 1)])
        for some in (moments[:3], moments[3:], moments[3:4])
    ]

    assert [[event.line for event in refused] for refused in by_age] == [[1, 2], [2], []]
    assert [message["n"] for message in cloud.messages("1")] == [3, 1, 1]


@pytest.mark.usefixtures("credentials")
def test_a_name_that_aws_does_not_take_is_rejected(moto: str) -> None:
    client = CloudWatch(Place("x" * 600, REGION, moto))

    with pytest.raises(Rejected):
        client.prepare(STREAM)


def _event(line: int, at: int) -> Event:
    return Event(at, f'{{"n": {line}}}', 34, line)
