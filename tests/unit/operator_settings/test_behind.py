"""What stands before the server, as its arguments say."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.task import UnhandledErrors
from nice_operator.settings import DevSettings, read_settings


def dev(folder: Path, *arguments: str) -> DevSettings:
    settings = read_settings(["dev", str(folder), *arguments], {})
    assert isinstance(settings, DevSettings)
    return settings


def test_nobody_is_believed_and_nothing_is_copied_unless_one_says_so(tmp_path: Path) -> None:
    settings = dev(tmp_path)

    assert settings.behind.proxy.networks == ()
    assert (settings.behind.base_path, settings.behind.hosts) == ("", frozenset())
    assert (settings.log_to_stdout, settings.unhandled_errors) == (False, None)


def test_the_server_before_us_is_described_by_arguments(tmp_path: Path) -> None:
    arguments = ("--base-path", "/tools/nice/", "--public-host", "Tasks.Example.com", "--trusted-proxy")
    settings = dev(tmp_path, *arguments, "10.1.0.0/16", "--trusted-proxy", "::1", "--user-header", "X-User")

    behind = settings.behind
    assert (behind.base_path, behind.hosts) == ("/tools/nice", frozenset({"tasks.example.com"}))
    assert behind.proxy.networks == (ip_network("10.1.0.0/16"), ip_network("::1"))
    assert (behind.proxy.user_header, behind.proxy.email_header) == ("X-User", "X-Forwarded-Email")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--base-path", "nice"),
        ("--base-path", "//evil.example"),
        ("--base-path", "/../etc"),
        ("--base-path", "/a b"),
        ("--base-path", '/"><script>'),
        ("--public-host", "https://tasks.example.com"),
        ("--public-host", "tasks.example.com:8080"),
        ("--trusted-proxy", "everybody"),
        ("--trusted-proxy", "10.0.0.1/8"),
        ("--user-header", "X User"),
        ("--email-header", ""),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path: Path, flag: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev(tmp_path, f"{flag}={value}")

    assert [problem.field for problem in refusal.value.problems] == [flag]


def test_the_policy_for_unhandled_errors_is_one_of_three(tmp_path: Path) -> None:
    assert dev(tmp_path, "--unhandled-errors", "Strict").unhandled_errors is UnhandledErrors.STRICT
    with pytest.raises(SystemExit):
        dev(tmp_path, "--unhandled-errors", "strict")
