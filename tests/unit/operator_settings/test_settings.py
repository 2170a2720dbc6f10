"""What the operator is told at its start."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.settings import DevSettings, LintSettings, read_settings


def dev(*arguments: str, **environment: str) -> DevSettings:
    settings = read_settings(["dev", *arguments], environment)
    assert isinstance(settings, DevSettings)
    return settings


def test_the_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    settings = dev(str(tmp_path))

    assert (settings.host, settings.port, settings.data) == ("localhost", 9999, Path(".nice-commander"))
    assert settings.sync
    assert not settings.view_only


def test_arguments_win_over_the_environment(tmp_path: Path) -> None:
    settings = dev(str(tmp_path), "--port", "8080", HOST="127.0.0.1", PORT="7070")

    assert (settings.host, settings.port) == ("127.0.0.1", 8080)


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev(str(tmp_path / "absent"), "--host", "0.0.0.0", "--port", "70000", NICE_LOG_LEVEL="loud")

    fields = [problem.field for problem in refusal.value.problems]
    assert fields == ["--host", "--port", "NICE_LOG_LEVEL", "DIR"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_without_authentication_only_loopback_is_listened_on(tmp_path: Path, host: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev(str(tmp_path), "--host", host)

    assert "loopback" in str(refusal.value.problems[0])


@pytest.mark.parametrize("port", ["-1", "65536", "http", "٣", "1.5"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    with pytest.raises(InvalidInput):
        dev(str(tmp_path), f"--port={port}")


def test_lint_takes_paths_and_a_form_of_output() -> None:
    settings = read_settings(["lint", "a.yaml", "b", "-o", "json"], {})

    assert settings == LintSettings((Path("a.yaml"), Path("b")), as_json=True)


def test_names_that_nobody_declares_become_tasks_for_a_day_unless_told_otherwise(tmp_path: Path) -> None:
    settings = dev(str(tmp_path))
    assert (settings.undeclared_tasks, settings.undeclared_timeout) == (True, timedelta(hours=24))

    settings = dev(str(tmp_path), NICE_UNDECLARED_TASKS="off", NICE_UNDECLARED_TIMEOUT_AFTER="90 minutes")
    assert (settings.undeclared_tasks, settings.undeclared_timeout) == (False, timedelta(minutes=90))


def test_a_switch_or_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev(str(tmp_path), NICE_UNDECLARED_TASKS="maybe", NICE_UNDECLARED_TIMEOUT_AFTER="soon")

    fields = [problem.field for problem in refusal.value.problems]
    assert fields == ["NICE_UNDECLARED_TASKS", "NICE_UNDECLARED_TIMEOUT_AFTER"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "localhost"])
def test_with_tokens_any_address_is_listened_on(tmp_path: Path, host: str) -> None:
    settings = dev(str(tmp_path), "--tokens", str(tmp_path), "--host", host)

    assert (settings.host, settings.tokens) == (host, tmp_path.resolve())


def test_the_directory_of_tokens_may_come_from_the_environment(tmp_path: Path) -> None:
    assert dev(str(tmp_path), NICE_TOKEN_DIR=str(tmp_path)).tokens == tmp_path.resolve()
    assert dev(str(tmp_path), NICE_TOKEN_DIR="").tokens is None


def test_tokens_that_are_no_directory_and_a_host_that_is_no_address_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        dev(str(tmp_path), "--tokens", str(tmp_path / "absent"), "--host", "nice.example")

    assert [problem.field for problem in refusal.value.problems] == ["--tokens", "--host"]
