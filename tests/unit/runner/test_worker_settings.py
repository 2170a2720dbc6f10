"""What the worker reads from its arguments and environment."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from nice_runner.settings import BadSettings, read_settings


def test_dev_mode_needs_nothing_but_its_directories(tmp_path: Path) -> None:
    settings = read_settings(["--data", str(tmp_path), "--task-path", str(tmp_path)], {})
    assert settings.operator_socket == tmp_path / "operator.sock"
    assert (settings.worker_name, settings.pool) == ("local", "default")
    assert settings.slots >= 4
    assert settings.alone_seconds == 600


def test_every_mistake_is_named_with_what_was_expected(tmp_path: Path) -> None:
    environment = {
        "NICE_OPERATOR_URL": "http://wrong",
        "NICE_SLOTS": "1.5",
        "NICE_DRAIN_SECONDS": "nan",
        "NICE_LABELS": "gpu",
    }
    with pytest.raises(BadSettings) as found:
        read_settings(["--task-path", str(tmp_path / "none")], environment)
    assert str(found.value).splitlines() == [
        "NICE_OPERATOR_URL: expected unix:///path, ws://host or wss://host, found 'http://wrong'; "
        "or give --data DIR",
        "NICE_LABELS: expected key=value, found 'gpu'",
        "NICE_SLOTS: expected a whole number from 1 to 1024, found '1.5'",
        "NICE_DRAIN_SECONDS: expected a number from 0 to 86400, found 'nan'",
        f"--task-path {tmp_path / 'none'}: expected a directory, found none",
    ]


def test_runs_inherit_a_few_harmless_variables_and_nothing_else(tmp_path: Path) -> None:
    environment = {"HOME": "/home/me", "AWS_SECRET_ACCESS_KEY": "s", "NICE_TOKEN": "t", "PYTHONPATH": "p"}
    settings = read_settings(["--data", str(tmp_path)], environment)
    assert settings.runner_environment == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/home/me",
    }


def test_slots_must_fit_into_the_limit_of_descriptors(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64 + 20 * 18, hard))
    try:
        assert read_settings(["--data", str(tmp_path)], {"NICE_SLOTS": "20"}).slots == 20
        with pytest.raises(BadSettings, match=r"NICE_SLOTS: 21 runs at a time .* at most 20"):
            read_settings(["--data", str(tmp_path)], {"NICE_SLOTS": "21"})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_operator_far_away_is_named_by_its_url() -> None:
    settings = read_settings(
        [],
        {"NICE_OPERATOR_URL": "ws://operator:9999/", "NICE_LABELS": "gpu=yes,zone=", "NICE_PRELOAD": "a, b"},
    )
    assert (settings.operator_url, settings.operator_socket) == ("ws://operator:9999", None)
    assert settings.labels == {"gpu": "yes", "zone": ""}
    assert settings.preload == ("a", "b")


def test_a_worker_of_a_pod_is_told_where_everything_is() -> None:
    settings = read_settings(
        [],
        {
            "NICE_OPERATOR_URL": "wss://operator:9999",
            "NICE_TOKEN_FILE": "/token",
            "NICE_CA_FILE": "/ca.crt",
            "NICE_ZYGOTE_SOCKET": "/run/nice/zygote.sock",
            "NICE_READY_FILE": "/run/ready",
            "NICE_SPARE_RUNNERS": "2",
        },
    )
    assert (settings.token_file, settings.ca_file) == (Path("/token"), Path("/ca.crt"))
    assert (settings.zygote_socket, settings.ready_file) == (
        Path("/run/nice/zygote.sock"),
        Path("/run/ready"),
    )
    assert settings.spare_runners == 2
    assert settings.alone_seconds > 86400, "nobody would be helped by a container that starts again"
    assert settings.drained_seconds > 60, "the pod is taken first"


def test_a_path_that_depends_on_where_we_are_is_a_mistake() -> None:
    environment = {"NICE_OPERATOR_URL": "ws://operator", "NICE_TOKEN_FILE": "token"}
    with pytest.raises(BadSettings, match="NICE_TOKEN_FILE: expected an absolute path, found 'token'"):
        read_settings([], environment)
