"""Where the logs of runs are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from nice_operator.domain.errors import Problem

BACKENDS = ("sql", "cloudwatch")
REGIONS = ("NICE_LOGS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class CloudWatchSettings:
    """``endpoint`` is empty for AWS itself. ``credentials`` is the Secret whose keys are in the workers'
    supervisors too (empty: a role); in its own container this program finds them as boto3 does."""

    group: str
    region: str
    endpoint: str = ""
    credentials: str = ""


def read_logs(environment: Mapping[str, str], problems: list[Problem]) -> CloudWatchSettings | None:
    """None: in the database."""
    backend = environment.get("NICE_LOGS_BACKEND") or "sql"
    if backend not in BACKENDS:
        problems.append(Problem("NICE_LOGS_BACKEND", f"is {backend!r}; expected {' or '.join(BACKENDS)}"))
    if backend != "cloudwatch":
        return None
    group = environment.get("NICE_LOGS_GROUP", "")
    if not group:
        problems.append(
            Problem("NICE_LOGS_GROUP", "is not set; expected the log group of CloudWatch, as /nice/runs")
        )
    region = next((found for name in REGIONS if (found := environment.get(name))), "")
    if not region:
        problems.append(
            Problem("NICE_LOGS_REGION", "is not set; expected the region of the log group, as eu-central-1")
        )
    endpoint = environment.get("NICE_LOGS_ENDPOINT_URL", "")
    if endpoint and not _is_url(endpoint):
        text = f"is {endpoint!r}; expected http://… or https://…, or nothing for AWS itself"
        problems.append(Problem("NICE_LOGS_ENDPOINT_URL", text))
    return CloudWatchSettings(group, region, endpoint, environment.get("NICE_LOGS_SECRET", ""))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
