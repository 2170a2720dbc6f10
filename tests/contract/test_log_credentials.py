"""Keys for CloudWatch in a file: changed ones count without a restart, and AWS' words about old ones are not
for readers."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.logs import client as module
from nice_operator.logs.client import CloudWatchClient
from nice_operator.logs.place import Place
from tests.support.aws import REGION

ARN = "arn:aws:iam::123456789012:user/nobody"
EMPTY_PAGE = {"events": [], "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}
WITHIN = 30.0


class Door(BaseHTTPRequestHandler):
    """Lets in whoever has the key ``fresh``."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        known = re.search(r"Credential=fresh/", self.headers["Authorization"]) is not None
        refusal = {"__type": "UnrecognizedClientException", "message": f"{ARN}: the token is invalid"}
        body = json.dumps(EMPTY_PAGE if known else refusal).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def keys(name: str) -> str:
    return f"[default]\naws_access_key_id = {name}\naws_secret_access_key = secret\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the keys are; there are none yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


@pytest.fixture
def client(endpoint: str) -> Iterator[CloudWatchClient]:
    made = CloudWatchClient(Place("/nice/runs", REGION, endpoint), 2)
    yield made
    made.close()


def answers(client: CloudWatchClient) -> bool:
    try:
        return client.page("a/b/c/1", None, from_head=True) is not None
    except Unavailable:
        return False


@pytest.mark.parametrize("before", ["stale", None], ids=["other keys", "no keys yet"])
def test_keys_that_change_in_their_file_count_without_a_restart(
    client: CloudWatchClient, file: Path, before: str | None
) -> None:
    if before:
        file.write_text(keys(before))
    refused = not answers(client)
    file.write_text(keys("fresh"))

    give_up = time.monotonic() + WITHIN
    while not answers(client):
        assert time.monotonic() < give_up, f"the new keys do not count within {WITHIN:g} s"
        time.sleep(module.REOPEN_SECONDS / 10)

    assert refused


def test_a_reader_is_told_which_refusal_and_the_log_has_its_words(
    client: CloudWatchClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text(keys("stale"))

    with caplog.at_level(logging.WARNING), pytest.raises(Unavailable) as refusal:
        client.page("a/b/c/1", None, from_head=True)

    assert "UnrecognizedClientException" in str(refusal.value)
    assert ARN not in str(refusal.value)
    assert ARN in caplog.text
