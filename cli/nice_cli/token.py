"""The token that the server is shown: from a file, or from the environment; never from the command line,
which others on the machine can read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nice_cli.errors import Failure
from nice_cli.exits import Exit


def given_token(file: str | None, environment: Mapping[str, str]) -> str:
    """The token that the person gave, or "" for none. The option wins over NICE_TOKEN_FILE, and that over
    NICE_TOKEN. Raises Failure."""
    path = file or environment.get("NICE_TOKEN_FILE")
    token = _content(path) if path else environment.get("NICE_TOKEN", "").strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        where = path or "NICE_TOKEN"
        raise Failure(
            f"the token in {where} has characters that no header can carry; expected one line of printable "
            "ASCII without spaces",
            Exit.USAGE,
        )
    return token


def _content(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise Failure(f"the token file {path} cannot be read: {error.strerror}", Exit.USAGE) from None
    if not token:
        raise Failure(f"the token file {path} is empty; put the token there", Exit.USAGE)
    return token
