"""Where logs are in CloudWatch: the group, and the stream of each attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nice_operator.domain.ids import RunId
from nice_operator.ports import RunQueries

FORBIDDEN = str.maketrans({":": "_", "*": "_"})
"""Characters that a stream's name may not have, and what the worker writes in their place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Empty ``region`` and ``endpoint``: what boto3 finds by itself."""

    group: str
    region: str = ""
    endpoint: str = ""


Locate = Callable[[RunId], Awaitable[str | None]]
"""The prefix ``<namespace>/<task>/<run id>`` of a run's streams, None when the run is not known."""


def prefix_of(namespace: str, task: str, run_id: RunId) -> str:
    """What the names of all streams of a run begin with; ``/<attempt>`` follows. The worker's twin of it is
    ``stream_name`` (``nice_runner.logs.cloudwatch.client``)."""
    return "/".join(part.translate(FORBIDDEN) for part in (namespace, task, str(run_id)))


def locate_by(runs: RunQueries) -> Locate:
    """Finds streams by the rows of runs."""

    async def locate(run_id: RunId) -> str | None:
        run = await runs.get_run(run_id)
        return None if run is None else prefix_of(run.namespace, run.task, run.id)

    return locate
