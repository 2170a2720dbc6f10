"""What only we can know: a spec that Kubernetes accepts and that still cannot work (condition Stalled)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.payload import MAX_BYTES, check_schema, dump_json, validate_payload
from nice_operator.domain.schedule import build_timetable, check_fires, check_time_zone, parse_schedule
from nice_operator.domain.timeout import parse_duration
from nice_operator.resources.convert import schedules_of
from nice_operator.resources.model import NiceTaskSpec
from nice_operator.resources.python_source import source_problems
from nice_operator.resources.shapes import moment


def stalling_problems(model: NiceTaskSpec) -> list[Problem]:
    """Every reason why this spec cannot be put into force; empty when it can."""
    return [
        *_timeout_problems(model),
        *_schedule_problems(model),
        *_payload_problems(model),
        *(source_problems(model.run.python.source) if model.run.python else ()),
    ]


def _timeout_problems(model: NiceTaskSpec) -> Iterator[Problem]:
    yield from _refusal("spec.timeoutAfter", lambda: parse_duration(model.timeout_after))


def _schedule_problems(model: NiceTaskSpec) -> list[Problem]:
    several = model.schedules is not None
    problems = list(_refusal("spec.timeZone", lambda: check_time_zone(model.time_zone)))
    for index, text in enumerate(schedules_of(model)):
        field = f"spec.schedules[{index}]" if several else "spec.schedule"
        problems += _refusal(field, lambda text=text: parse_schedule(text))  # type: ignore[misc]
    return problems or list(_never_fires(model))


def _never_fires(model: NiceTaskSpec) -> Iterator[Problem]:
    timetable = build_timetable(
        schedules_of(model),
        run_at=moment(model.run_at) if model.run_at else None,
        time_zone=model.time_zone,
        gap=model.daylight_saving.gap,
        repeat=model.daylight_saving.repeat,
        not_before=moment(model.not_before) if model.not_before else None,
        not_after=moment(model.not_after) if model.not_after else None,
    )
    if complaint := check_fires(timetable):
        field = "runAt" if model.run_at else "schedules" if model.schedules else "schedule"
        yield Problem(f"spec.{field}", complaint)


def _payload_problems(model: NiceTaskSpec) -> Iterator[Problem]:
    problems = list(_refusal("spec.payload", lambda: _check_size(model.payload)))
    if model.payload_schema is not None:
        problems += _refusal("spec.payloadSchema", lambda: dump_json(model.payload_schema))
    yield from problems or _mismatches(model)


def _mismatches(model: NiceTaskSpec) -> Iterator[Problem]:
    if model.payload_schema is None:
        return
    wrong = check_schema(model.payload_schema, field="spec.payloadSchema")
    yield from wrong
    # A schema without a payload is usual: then every request must bring its own.
    if not wrong and model.payload is not None:
        yield from validate_payload(model.payload_schema, model.payload, field="spec.payload")


def _check_size(payload: Any) -> None:
    size = len(dump_json(payload).encode())
    if size > MAX_BYTES:
        raise InvalidInput(
            f"must be at most {MAX_BYTES} bytes as JSON, found {size}; let the task fetch what is large"
        )


def _refusal(field: str, check: Callable[[], object]) -> Iterator[Problem]:
    try:
        check()
    except InvalidInput as refusal:
        yield Problem(field, str(refusal))
