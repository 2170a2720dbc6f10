"""The token that the command line shows to a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from nice_cli.errors import Failure
from nice_cli.token import given_token
from tests.unit.cli.conftest import Nicectl
from tests.unit.cli.scripted_server import Script

TOKEN = "a" * 32


def test_without_a_token_none_is_sent(nicectl: Nicectl, server: Script) -> None:
    server.json("GET", "/api/v1/workers", {"workers": []})
    assert nicectl("workers").code == 0
    assert server.requests[0].headers["Authorization"] is None


def test_a_token_comes_from_a_file_or_from_the_environment(
    nicectl: Nicectl, server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.json("GET", "/api/v1/workers", {"workers": []})
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("NICE_TOKEN", "b" * 32)

    assert nicectl("workers").code == 0
    assert nicectl("workers", "--token-file", str(file)).code == 0
    monkeypatch.setenv("NICE_TOKEN_FILE", str(file))
    assert nicectl("workers").code == 0

    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == [f"Bearer {'b' * 32}", f"Bearer {TOKEN}", f"Bearer {TOKEN}"]


def test_a_server_that_wants_a_token_is_answered_with_how_to_give_one(
    nicectl: Nicectl, server: Script
) -> None:
    server.json("GET", "/api/v1/workers", {"message": "a token is needed here"}, status=401)
    ended = nicectl("workers")
    assert ended.code == 3
    assert "a token is needed here" in ended.err
    assert "--token-file" in ended.err


@pytest.mark.parametrize("content", [None, "", "two lines\nof it", "ümläut"])
def test_a_token_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Failure) as refusal:
        given_token(str(file), {})
    assert str(file) in str(refusal.value)
    assert not content or content not in str(refusal.value)
