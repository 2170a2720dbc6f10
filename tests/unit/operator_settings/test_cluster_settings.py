"""What the operator is told in a cluster, and how the chart tells it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.settings import ClusterSettings, FillSettings, read_settings

CHART = Path(__file__).parents[3] / "charts" / "nice-commander" / "templates" / "deployment.yaml"
LEAST = {
    "NICE_NAMESPACE": "nice",
    "NICE_POD_NAME": "nice-commander-0",
    "NICE_DATABASE_DIR": "/etc/nice/database",
    "NICE_TOKEN_DIR": "/etc/nice/token",
    "NICE_OPERATOR_URL": "ws://nice-commander.nice.svc:9999",
    "NICE_WORKER_IMAGE": "runner:1",
}


def cluster(**changed: str) -> ClusterSettings:
    settings = read_settings(["cluster"], {**LEAST, **changed})
    assert isinstance(settings, ClusterSettings)
    return settings


def test_what_is_not_said_is_the_safe_choice() -> None:
    settings = cluster()

    assert (settings.watched, settings.redis, settings.default_pool) == ((), None, None)
    assert not settings.undeclared_tasks
    assert not settings.view_only
    assert settings.undeclared_timeout == timedelta(hours=24)
    assert settings.client_rate == 2000
    assert cluster(NICE_CLIENT_RATE="0").client_rate == 0


def test_lists_are_given_with_commas() -> None:
    settings = cluster(
        NICE_WATCH_NAMESPACES="a,b", NICE_POOL_NAMESPACES="nice", NICE_HOSTS="nice.example.com"
    )

    assert (settings.watched, settings.with_pools) == (("a", "b"), ("nice",))
    assert settings.behind.hosts == {"nice.example.com"}


def test_the_authority_of_our_certificate_has_a_kind_and_a_name() -> None:
    settings = cluster(NICE_TLS_DIR="/etc/nice/tls", NICE_WORKER_CA="configmap/nice-ca")

    assert (settings.tls, settings.workers.authority) == (Path("/etc/nice/tls"), ("configmap", "nice-ca"))
    assert (cluster().tls, cluster().workers.authority) == (None, None)
    for wrong in ("nice-ca", "pod/x", "secret/"):
        with pytest.raises(InvalidInput) as refused:
            cluster(NICE_WORKER_CA=wrong)
        assert "expected secret/NAME or configmap/NAME" in str(refused.value.problems)


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_settings(["cluster"], {})

    assert {problem.field for problem in refusal.value.problems} == set(LEAST)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NICE_OPERATOR_URL", "http://nice"),
        ("NICE_VIEW_ONLY", "perhaps"),
        ("NICE_CLIENT_RATE", "many"),
        ("PORT", "http"),
        ("HOST", "nice.example.com"),
        ("NICE_BASE_PATH", "nice"),
        ("NICE_UNDECLARED_TIMEOUT_AFTER", "soon"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cluster(**{name: text})

    assert len(refusal.value.problems) == 1
    assert text in str(refusal.value.problems[0])


def test_the_chart_gives_every_variable_that_is_needed() -> None:
    text = CHART.read_text(encoding="utf-8")

    assert [name for name in LEAST if f"name: {name}" not in text] == []


def test_secrets_to_fill_are_named_with_their_kind() -> None:
    settings = read_settings(
        ["fill-secrets", "a-token:token", "a-database:database"],
        {"NICE_NAMESPACE": "nice", "NICE_RELEASE": "nice-commander"},
    )

    assert settings == FillSettings(
        "nice", "nice-commander", (("a-token", "token"), ("a-database", "database"))
    )


def test_an_unknown_kind_of_secret_is_refused() -> None:
    with pytest.raises(InvalidInput, match="settings cannot be used") as refusal:
        read_settings(["fill-secrets", "one:password"], {"NICE_NAMESPACE": "a", "NICE_RELEASE": "b"})

    assert "token, database, redis" in str(refusal.value.problems[0])
