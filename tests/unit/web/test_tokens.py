"""Tokens of clients: files in a directory, read again while we run."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.web.auth import read_token
from nice_operator.web.tokens import LONGEST, Tokens

ADA = "a" * 32
BOB = "b" * 32


def written(directory: Path, **tokens: str) -> Path:
    for name, token in tokens.items():
        (directory / name).write_text(token)
    return directory


def name_of(tokens: Tokens, token: str) -> str | None:
    client = tokens.client(token)
    return None if client is None else client.name


def test_a_token_names_its_client(tmp_path: Path) -> None:
    tokens = Tokens(written(tmp_path, ada=f"{ADA}\n", bob=f"{BOB}\r\n"))

    assert [name_of(tokens, token) for token in (ADA, BOB, ADA[:-1], ADA + "a", "")] == [
        "ada", "bob", None, None, None,
    ]  # fmt: skip


def test_a_mounted_secret_is_read_through_its_links(tmp_path: Path) -> None:
    real = tmp_path / "..2026_01_01"
    real.mkdir()
    written(real, ada=ADA)
    (tmp_path / "..data").symlink_to(real.name)
    (tmp_path / "ada").symlink_to("..data/ada")

    assert name_of(Tokens(tmp_path), ADA) == "ada"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("ada", "short", "16 to 1024"),
        ("ada", "", "16 to 1024"),
        ("ada", "x" * (LONGEST + 1), "16 to 1024"),
        ("ada", "two lines, no: \n and more of it", "printable ASCII"),
        ("ada", "with a space in between", "printable ASCII"),
        ("ada", "ümläüts-are-no-headers", "printable ASCII"),
        ("ada~", ADA, "no name of a client"),
        ("a b", ADA, "no name of a client"),
    ],
)
def test_a_token_that_cannot_be_used_is_refused_at_the_start_with_the_remedy(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(InvalidInput) as refusal:
        Tokens(tmp_path)

    (problem,) = refusal.value.problems
    assert expected in problem.message
    assert name in problem.message
    assert not content or content not in str(problem)


def test_one_token_for_two_clients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Tokens(written(tmp_path, ada=ADA, bob=ADA))
    assert "give each client its own" in str(refusal.value.problems[0])


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        Tokens(tmp_path / "absent")


def test_a_removed_file_revokes_and_a_new_one_admits(tmp_path: Path) -> None:
    tokens = Tokens(written(tmp_path, ada=ADA))
    ada = tokens.client(ADA)
    assert ada is not None

    (tmp_path / "ada").unlink()
    written(tmp_path, bob=BOB)
    tokens.refresh()

    assert not tokens.knows(ada)
    assert (name_of(tokens, ADA), name_of(tokens, BOB)) == (None, "bob")


def test_another_token_of_the_same_client_revokes_the_old_one(tmp_path: Path) -> None:
    tokens = Tokens(written(tmp_path, ada=ADA))
    before = tokens.client(ADA)
    assert before is not None

    written(tmp_path, ada=BOB)
    tokens.refresh()

    assert not tokens.knows(before)
    assert name_of(tokens, BOB) == "ada"


def test_what_breaks_later_costs_only_its_own_client_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(written(tmp_path, ada=ADA, bob=BOB))
    written(tmp_path, bob="short")

    with caplog.at_level(logging.ERROR):
        tokens.refresh()
        tokens.refresh()

    assert (name_of(tokens, ADA), name_of(tokens, BOB)) == ("ada", None)
    assert len(caplog.records) == 1


def test_while_the_directory_cannot_be_read_what_was_known_counts(tmp_path: Path) -> None:
    directory = tmp_path / "tokens"
    directory.mkdir()
    tokens = Tokens(written(directory, ada=ADA))

    directory.rename(tmp_path / "elsewhere")
    tokens.refresh()

    assert name_of(tokens, ADA) == "ada"


def basic(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (f"Bearer {ADA}", ADA),
        (f"bearer   {ADA}", ADA),
        (basic(f"anybody:{ADA}".encode()), ADA),
        (basic(f":{ADA}".encode()), ADA),
        (basic(b"user:with:colons"), "with:colons"),
        (basic(b"no colon"), ""),
        (basic(b"\xff\xfe:x"), ""),
        ("Basic ~~~", ""),
        ("Basic", ""),
        ("Digest x", ""),
        (ADA, ""),
        ("", ""),
    ],
)
def test_a_token_is_read_from_bearer_or_as_the_password_of_basic(header: str, token: str) -> None:
    assert read_token(header) == token
