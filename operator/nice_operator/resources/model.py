"""``NiceTask.spec`` field by field, the twin of crds/nicetasks.yaml: a test compares names, types, bounds
and defaults."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from nice_operator.domain.task import (
    CatchUp,
    ConcurrencyPolicy,
    Gap,
    LogFormat,
    OnLost,
    Repeat,
    UnhandledErrors,
)
from nice_operator.resources import shapes
from nice_operator.resources.shapes import wrong


class RetryAction(StrEnum):
    """What a retry rule does."""

    RETRY = "Retry"
    RETRY_UNCOUNTED = "RetryUncounted"
    FAIL = "Fail"


class BadEnd(StrEnum):
    """How an attempt can have ended for a retry rule to look at it; the words of ``RunState``."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


T = TypeVar("T")
OneOf = Annotated[T, Field(strict=False)]
"""An enum that is written as its text."""


def _distinct(items: list[Any]) -> list[Any]:
    twice = next((item for index, item in enumerate(items) if item in items[:index]), None)
    if twice is not None:
        raise wrong(f"has {shapes.shown(twice)} twice; remove one")
    return items


Distinct = AfterValidator(_distinct)


class Part(BaseModel):
    """Unknown names are refused; null means "not given", as Kubernetes prunes it."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        if isinstance(given, dict) and None in given.values():
            return {name: value for name, value in given.items() if value is not None}
        return given


class DaylightSaving(Part):
    gap: OneOf[Gap] = Gap.RUN_AFTER
    repeat: OneOf[Repeat] = Repeat.FIRST


class Backoff(Part):
    initial_seconds: int = Field(default=10, ge=0, le=86_400)
    factor: float = Field(default=2, ge=1, le=10)
    max_seconds: int = Field(default=600, ge=0, le=86_400)
    jitter_percent: int = Field(default=10, ge=0, le=100)

    @model_validator(mode="after")
    def _grows(self) -> Backoff:
        if self.initial_seconds > self.max_seconds:
            raise wrong(
                f"maxSeconds ({self.max_seconds}) must not be less than initialSeconds "
                f"({self.initial_seconds}); raise it or lower initialSeconds"
            )
        return self


class Rule(Part):
    action: OneOf[RetryAction]
    states: Annotated[list[OneOf[BadEnd]], Distinct] = Field(default_factory=list, max_length=3)
    exit_codes: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Distinct] = Field(
        default_factory=list, max_length=64
    )
    signals: Annotated[list[shapes.SignalName], Distinct] = Field(default_factory=list, max_length=32)
    error_types: Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Distinct] = Field(
        default_factory=list, max_length=32
    )
    message_contains: str = Field(default="", max_length=256)


class Retry(Part):
    max_attempts: int = Field(default=1, ge=1, le=100)
    backoff: Backoff = Field(default_factory=Backoff)
    rules: list[Rule] = Field(default_factory=list, max_length=16)


class Python(Part):
    source: shapes.Source


class ExternalWorker(Part):
    pass


class Execute(Part):
    python: Python | None = None
    function: shapes.FunctionPath | None = None
    command: list[shapes.Word] | None = Field(default=None, min_length=1, max_length=128)
    external: ExternalWorker | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Execute:
        given = sorted(self.model_fields_set)
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise wrong(
                f"give exactly one of python, function, command and external, found {found}; "
                + ("remove the others" if given else "an external task is written run: {external: {}}")
            )
        if self.command is not None and not self.command[0]:
            raise wrong(
                "the first word of the command is the program; it must not be empty; name the program"
            )
        return self


class EnvVariable(Part):
    name: shapes.EnvName
    value: shapes.EnvValue


class Succeeded(Part):
    count: int = Field(default=100, ge=1, le=100_000)
    days: int = Field(default=30, ge=1, le=3650)


class Failed(Part):
    count: int = Field(default=100, ge=1, le=100_000)
    days: int = Field(default=90, ge=1, le=3650)


class Remembered(Part):
    succeeded: Succeeded = Field(default_factory=Succeeded)
    failed: Failed = Field(default_factory=Failed)


def _names_once(variables: list[EnvVariable]) -> list[EnvVariable]:
    _distinct([variable.name for variable in variables])
    return variables


def _no_manual(texts: list[str]) -> list[str]:
    if "manual" in texts:
        raise wrong('"manual" cannot stand among schedules; remove it, or say schedule: manual')
    return texts


class NiceTaskSpec(Part):
    task_name: shapes.TaskName | None = None
    description: str = Field(default="", max_length=4096)
    schedule: shapes.ScheduleText | None = None
    schedules: Annotated[list[shapes.ScheduleText], Distinct, AfterValidator(_no_manual)] | None = Field(
        None, min_length=1, max_length=32
    )
    run_at: shapes.Moment | None = None
    time_zone: shapes.TimeZone = "Etc/UTC"
    daylight_saving: DaylightSaving = Field(default_factory=DaylightSaving)
    not_before: shapes.Moment | None = None
    not_after: shapes.Moment | None = None
    suspend: bool = False
    starting_deadline_seconds: int | None = Field(default=None, ge=1, le=31_536_000)
    catch_up: OneOf[CatchUp] = CatchUp.LATEST
    timeout_after: shapes.Timeout
    termination_grace_period_seconds: int = Field(default=10, ge=0, le=3600)
    concurrency_policy: OneOf[ConcurrencyPolicy] | None = None
    max_concurrency: int | None = Field(default=None, ge=1, le=1000)
    retry: Retry = Field(default_factory=Retry)
    on_lost: OneOf[OnLost] = OnLost.RETRY
    payload: Any = None
    payload_schema: dict[str, Any] | None = None
    priority: int = Field(default=0, ge=-1000, le=1000)
    run: Execute
    env: Annotated[list[EnvVariable], AfterValidator(_names_once)] | None = Field(
        default=None, max_length=256
    )
    memory_limit: shapes.Memory | None = None
    worker_pool: shapes.PoolName | None = None
    worker_selector: dict[shapes.LabelName, shapes.LabelValue] | None = Field(default=None, max_length=16)
    unhandled_errors: OneOf[UnhandledErrors] | None = None
    log_format: OneOf[LogFormat] = LogFormat.TEXT
    history: Remembered = Field(default_factory=Remembered)

    @property
    def planned(self) -> bool:
        """Whether time alone makes it run."""
        return bool(self.schedules) or self.run_at is not None or self.schedule not in (None, "manual")

    @model_validator(mode="after")
    def _one_way_to_plan(self) -> NiceTaskSpec:
        given = [name for name, value in self._plans() if value is not None]
        if len(given) > 1:
            raise wrong(
                f"give only one of schedule, schedules and runAt, found {' and '.join(given)}; "
                "remove the others"
            )
        return self

    def _plans(self) -> tuple[tuple[str, object], ...]:
        return ("schedule", self.schedule), ("schedules", self.schedules), ("runAt", self.run_at)

    @model_validator(mode="after")
    def _concurrency_fits(self) -> NiceTaskSpec:
        policy = self.concurrency_policy or (
            ConcurrencyPolicy.FORBID if self.planned else ConcurrencyPolicy.ALLOW
        )
        many = policy in (ConcurrencyPolicy.ALLOW, ConcurrencyPolicy.ENQUEUE)
        if (self.max_concurrency or 1) > 1 and not many:
            default = "" if self.concurrency_policy else ", the default of a task with a schedule"
            raise wrong(
                "maxConcurrency above 1 needs concurrencyPolicy Allow or Enqueue, found "
                f"{self.max_concurrency} with {policy}{default}; set the policy or remove maxConcurrency"
            )
        return self

    @model_validator(mode="after")
    def _bounds_in_order(self) -> NiceTaskSpec:
        if (
            self.not_before
            and self.not_after
            and shapes.moment(self.not_before) > shapes.moment(self.not_after)
        ):
            raise wrong(
                f"notAfter ({self.not_after}) must not be earlier than notBefore ({self.not_before}); "
                "swap or correct them"
            )
        return self

    @model_validator(mode="after")
    def _external_alone(self) -> NiceTaskSpec:
        useless = {"workerPool": self.worker_pool, "env": self.env, "memoryLimit": self.memory_limit}
        useless["unhandledErrors"] = self.unhandled_errors
        found = [name for name, value in useless.items() if value is not None]
        if self.run.external is not None and found:
            raise wrong(
                "run.external is executed by whatever worker registers its name, so "
                f"{' and '.join(found)} would have no effect on it; remove it"
            )
        return self
