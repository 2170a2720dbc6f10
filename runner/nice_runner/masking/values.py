"""From the contents of a Secret to the values that must not be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from nice_protocol.secrecy.members import secret_members
from nice_protocol.secrecy.names import is_plain, looks_secret

SHORTEST = 8
"""Characters of a value that is masked. Shorter ones stand by chance in too many lines."""

LONGEST = 16 * 1024
"""Bytes of a value that is masked as a whole. A longer one is masked line by line alone."""

_SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*)")


def values_of_secret(name: str, content: str) -> Iterator[str]:
    """What must not be shown of the part ``name`` of a Secret: its content and each of its lines; of JSON and
    of settings, the values in it; of a URL, its password too. Nothing of a part like ``username``."""
    if is_plain(name):
        return
    content = content.strip()
    yield content
    yield from _password_of_url(content)
    if content[:1] in ("{", "["):
        yield from values_of_members(content)
    elif "\n" in content:
        yield from _values_of_lines(content)


def values_of_members(text: str) -> Iterator[str]:
    """The values of JSON members whose names look secret, and those within them."""
    data = text.encode("utf-8", "surrogatepass")
    for member in secret_members(data):
        with suppress(ValueError, RecursionError):  # it only looked like JSON
            yield from _leaves(json.loads(data[member.start : member.end], parse_int=str, parse_float=str))


def values_of_environment(variables: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Values of variables whose names look secret."""
    for name, value in variables:
        if looks_secret(name):
            yield value


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)


def _values_of_lines(content: str) -> Iterator[str]:
    lines = [line.strip() for line in content.split("\n") if line.strip()]
    yield from lines
    for line in lines:
        setting = _SETTING.fullmatch(line)
        if setting is not None and not is_plain(setting.group(1)):
            yield setting.group(2).strip("\"'")


def _password_of_url(content: str) -> Iterator[str]:
    if "://" not in content or "\n" in content:
        return
    with suppress(ValueError):
        password = urlsplit(content).password or ""
        yield password
        yield unquote(password)
