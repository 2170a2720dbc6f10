"""What the worker reads from its arguments and environment."""

from __future__ import annotations

import resource
import tempfile
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
            "NICE_PULSE_FILE": "/run/pulse",
            "NICE_SPARE_RUNNERS": "2",
        },
    )
    assert (settings.token_file, settings.ca_file) == (Path("/token"), Path("/ca.crt"))
    assert settings.zygote_socket == Path("/run/nice/zygote.sock")
    assert (settings.ready_file, settings.pulse_file) == (Path("/run/ready"), Path("/run/pulse"))
    assert settings.spare_runners == 2
    assert settings.alone_seconds > 86400, "nobody would be helped by a container that starts again"
    assert settings.drained_seconds > 60, "the pod is taken first"


def test_a_path_that_depends_on_where_we_are_is_a_mistake() -> None:
    environment = {"NICE_OPERATOR_URL": "ws://operator", "NICE_TOKEN_FILE": "token"}
    with pytest.raises(BadSettings, match="NICE_TOKEN_FILE: expected an absolute path, found 'token'"):
        read_settings([], environment)


CLOUDWATCH = {
    "NICE_OPERATOR_URL": "ws://operator:9999",
    "NICE_LOGS_BACKEND": "cloudwatch",
    "NICE_LOGS_GROUP": "/nice/prod",
    "NICE_LOGS_REGION": "eu-west-1",
}


def test_logs_stay_with_the_operator_unless_said_otherwise() -> None:
    ignored = {"NICE_LOGS_GROUP": "not: a group", "AWS_REGION": "eu-west-1"}

    assert read_settings([], {"NICE_OPERATOR_URL": "ws://operator", **ignored}).cloud_logs is None


def test_logs_in_cloudwatch_wait_in_a_folder_of_the_workers_own(tmp_path: Path) -> None:
    pod = read_settings([], CLOUDWATCH).cloud_logs
    local = read_settings(["--data", str(tmp_path)], CLOUDWATCH).cloud_logs
    told = read_settings([], {**CLOUDWATCH, "NICE_LOGS_SPOOL_DIR": "/spool"}).cloud_logs

    assert pod
    assert (pod.group, pod.region, pod.endpoint, pod.spool_bytes) == ("/nice/prod", "eu-west-1", "", 2**28)
    assert pod.spool == Path(tempfile.gettempdir()) / "nice-logs"
    assert local
    assert local.spool == tmp_path / "log-spool"
    assert told
    assert told.spool == Path("/spool")


def test_the_region_may_be_the_one_that_aws_tells_its_programs() -> None:
    environment = {**CLOUDWATCH, "NICE_LOGS_REGION": "", "AWS_REGION": "us-east-2"}

    logs = read_settings([], environment).cloud_logs

    assert logs
    assert logs.region == "us-east-2"


def test_each_mistake_about_logs_is_named_with_what_was_expected() -> None:
    environment = {
        "NICE_OPERATOR_URL": "ws://operator",
        "NICE_LOGS_BACKEND": "cloudwatch",
        "NICE_LOGS_ENDPOINT_URL": "moto:5000",
        "NICE_LOGS_SPOOL_DIR": "spool",
        "NICE_LOGS_SPOOL_BYTES": "1000",
    }
    with pytest.raises(BadSettings) as found:
        read_settings([], environment)

    assert str(found.value).splitlines() == [
        "NICE_LOGS_GROUP: expected the name of a log group (letters, digits and _ - / . #, at most 512), "
        "found ''",
        "NICE_LOGS_REGION: expected a region such as eu-west-1, found ''",
        "NICE_LOGS_ENDPOINT_URL: expected http://host or https://host, found 'moto:5000'",
        "NICE_LOGS_SPOOL_DIR: expected an absolute path, found 'spool'",
        "NICE_LOGS_SPOOL_BYTES: expected a whole number from 4.1943e+06 to 1.09951e+12, found '1000'",
    ]


def test_a_place_for_logs_that_nobody_knows_is_a_mistake() -> None:
    environment = {"NICE_OPERATOR_URL": "ws://operator", "NICE_LOGS_BACKEND": "s3"}

    with pytest.raises(BadSettings, match="NICE_LOGS_BACKEND: expected one of sql, cloudwatch, found 's3'"):
        read_settings([], environment)
