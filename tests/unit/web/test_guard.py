"""Foreign pages and foreign names are refused; programs are not browsers."""

from __future__ import annotations

import pytest

from nice_operator.domain.errors import Forbidden
from nice_operator.web.guard import Misdirected, check_host, check_origin
from nice_operator.web.options import LOOPBACK_HOSTS


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9", "127.0.0.1:80", "[::1]:9", "[::1]", "LOCALHOST:1"]
)
def test_this_machines_names_are_answered(host: str) -> None:
    check_host(host, LOOPBACK_HOSTS)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "evil.example:9999", "", ":9999", "127.0.0.1.nip.io",
     "localhost@evil", "[::2]:9999", "127.0.0.1:80:80"],
)  # fmt: skip
def test_a_foreign_host_is_misdirected(host: str) -> None:
    with pytest.raises(Misdirected, match="answers to"):
        check_host(host, LOOPBACK_HOSTS)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost:9999", "Cookie": "a=b"},
    ],
)
def test_our_own_page_and_programs_pass(headers: dict[str, str]) -> None:
    check_origin({"Host": "localhost:9999", **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:9999.evil.example"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "file://localhost:9999"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Cookie": "session=1"},
    ],
)
def test_a_foreign_page_is_refused_with_the_reason(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="refused because"):
        check_origin({"Host": "localhost:9999", **headers})
