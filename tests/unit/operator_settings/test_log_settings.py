"""Where logs are kept, as the environment says it."""

from __future__ import annotations

import pytest

from nice_operator.domain.errors import Problem
from nice_operator.settings.logs import CloudWatchSettings, read_logs

LEAST = {
    "NICE_LOGS_BACKEND": "cloudwatch",
    "NICE_LOGS_GROUP": "/nice/runs",
    "NICE_LOGS_REGION": "eu-central-1",
}


def read(environment: dict[str, str]) -> CloudWatchSettings | None:
    problems: list[Problem] = []
    settings = read_logs(environment, problems)
    assert problems == []
    return settings


def refused(environment: dict[str, str]) -> dict[str, str]:
    problems: list[Problem] = []
    read_logs(environment, problems)
    return {problem.field: problem.message for problem in problems}


@pytest.mark.parametrize("environment", [{}, {"NICE_LOGS_BACKEND": "sql"}, {"NICE_LOGS_BACKEND": ""}])
def test_logs_are_kept_in_the_database_unless_something_else_is_said(environment: dict[str, str]) -> None:
    assert read(environment | {"NICE_LOGS_GROUP": "/nice/runs"}) is None


def test_cloudwatch_needs_a_group_and_a_region() -> None:
    more = {"NICE_LOGS_ENDPOINT_URL": "https://logs.example.com", "NICE_LOGS_SECRET": "aws-keys"}

    assert read(LEAST) == CloudWatchSettings("/nice/runs", "eu-central-1")
    assert read(LEAST | more) == CloudWatchSettings(
        "/nice/runs", "eu-central-1", "https://logs.example.com", "aws-keys"
    )


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_may_be_said_as_aws_says_it(name: str) -> None:
    assert read(LEAST | {"NICE_LOGS_REGION": "", name: "us-east-1"}) == CloudWatchSettings(
        "/nice/runs", "us-east-1"
    )


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"NICE_LOGS_BACKEND": "s3"}, "NICE_LOGS_BACKEND", "is 's3'; expected sql or cloudwatch"),
        ({"NICE_LOGS_GROUP": ""}, "NICE_LOGS_GROUP", "expected the log group"),
        ({"NICE_LOGS_REGION": ""}, "NICE_LOGS_REGION", "expected the region"),
        ({"NICE_LOGS_ENDPOINT_URL": "logs:4566"}, "NICE_LOGS_ENDPOINT_URL", "expected http://"),
        ({"NICE_LOGS_ENDPOINT_URL": "http://["}, "NICE_LOGS_ENDPOINT_URL", "expected http://"),
    ],
)
def test_what_is_missing_or_wrong_is_said_with_what_was_expected(
    changed: dict[str, str], field: str, said: str
) -> None:
    problems = refused(LEAST | changed)

    assert list(problems) == [field]
    assert said in problems[field]


def test_all_that_is_missing_is_said_at_once() -> None:
    assert set(refused({"NICE_LOGS_BACKEND": "cloudwatch"})) == {"NICE_LOGS_GROUP", "NICE_LOGS_REGION"}
