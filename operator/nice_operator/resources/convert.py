"""From a valid model to the values that the engine works with."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

from nice_operator.domain.payload import dump_json
from nice_operator.domain.pool import DEFAULT_QUEUE
from nice_operator.domain.task import (
    EXTERNAL_QUEUE,
    POOL_QUEUE,
    Command,
    Concurrency,
    ConcurrencyPolicy,
    Execution,
    External,
    Function,
    History,
    Keep,
    PythonSource,
    RetryPolicy,
    RetryRule,
    TaskSpec,
)
from nice_operator.domain.timeout import parse_duration
from nice_operator.resources.model import Execute, Failed, NiceTaskSpec, Retry, Rule, Succeeded
from nice_operator.resources.quantity import bytes_of
from nice_operator.resources.shapes import moment

Part = TypeVar("Part", RetryPolicy, Concurrency, History)


def spec_of(model: NiceTaskSpec, *, namespace: str, name: str) -> TaskSpec:
    """The definition that ``model`` declares. Raises InvalidInput for what ``stall`` would have found."""
    task_name = model.task_name or name
    return TaskSpec(
        task_name=task_name,
        execution=_execution(model.run),
        timeout=parse_duration(model.timeout_after),
        concurrency=_shared(_concurrency(model)),
        queue=_queue(namespace, task_name, external=model.run.external is not None, pool=model.worker_pool),
        description=model.description,
        schedules=schedules_of(model),
        run_at=moment(model.run_at) if model.run_at else None,
        time_zone=model.time_zone,
        gap=model.daylight_saving.gap,
        repeat=model.daylight_saving.repeat,
        not_before=moment(model.not_before) if model.not_before else None,
        not_after=moment(model.not_after) if model.not_after else None,
        suspend=model.suspend,
        starting_deadline=_seconds(model.starting_deadline_seconds),
        catch_up=model.catch_up,
        grace=timedelta(seconds=model.termination_grace_period_seconds),
        retry=_shared(_retry(model.retry)),
        on_lost=model.on_lost,
        payload=dump_json(model.payload),
        payload_schema=model.payload_schema,
        priority=model.priority,
        env={variable.name: variable.value for variable in model.env or ()},
        memory_limit=bytes_of(model.memory_limit) if model.memory_limit else None,
        worker_selector=dict(model.worker_selector or {}),
        unhandled_errors=model.unhandled_errors,
        log_format=model.log_format,
        history=_shared(History(_keep(model.history.succeeded), _keep(model.history.failed))),
    )


@lru_cache(maxsize=1024)
def _shared(part: Part) -> Part:
    """One object for all that are equal: thousands of tasks retry in few ways."""
    return part


def schedules_of(model: NiceTaskSpec) -> tuple[str, ...]:
    """All schedules of the task; "manual" is none."""
    if model.schedules is not None:
        return tuple(model.schedules)
    return () if model.schedule in (None, "manual") else (model.schedule,)


def _execution(run: Execute) -> Execution:
    if run.python is not None:
        return PythonSource(run.python.source)
    if run.function is not None:
        return Function(run.function)
    if run.command is not None:
        return Command(tuple(run.command))
    return External()


def _concurrency(model: NiceTaskSpec) -> Concurrency:
    default = ConcurrencyPolicy.FORBID if model.planned else ConcurrencyPolicy.ALLOW
    policy = model.concurrency_policy or default
    if policy is ConcurrencyPolicy.ALLOW:
        return Concurrency(policy, model.max_concurrency)
    return Concurrency(policy, model.max_concurrency or 1)


def queue_of_manifest(spec: object, *, namespace: str, task_name: str) -> str | None:
    """Where runs of a spec wait that was found good before: what ``spec_of`` would say of it. None when it
    does not look so any more, as after another resource definition pruned it."""
    match spec:
        case {"run": {"external": dict()}}:
            return _queue(namespace, task_name, external=True, pool=None)
        case {"run": dict(), "workerPool": str(pool)}:
            return _queue(namespace, task_name, external=False, pool=pool)
        case {"run": dict()}:
            return DEFAULT_QUEUE
    return None


def _queue(namespace: str, task_name: str, *, external: bool, pool: str | None) -> str:
    if external:
        return f"{EXTERNAL_QUEUE}{namespace}/{task_name}"
    if pool is None:
        return DEFAULT_QUEUE
    return f"{POOL_QUEUE}{pool if '/' in pool else f'{namespace}/{pool}'}"


def _retry(retry: Retry) -> RetryPolicy:
    backoff = retry.backoff
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        initial_delay=timedelta(seconds=backoff.initial_seconds),
        factor=float(backoff.factor),
        max_delay=timedelta(seconds=backoff.max_seconds),
        jitter=backoff.jitter_percent / 100,
        rules=tuple(_rule(rule) for rule in retry.rules),
    )


def _rule(rule: Rule) -> RetryRule:
    return RetryRule(
        action=rule.action.value,
        states=frozenset(state.value for state in rule.states),
        exit_codes=frozenset(rule.exit_codes),
        signals=frozenset(rule.signals),
        error_types=frozenset(rule.error_types),
        message_contains=rule.message_contains,
    )


def _keep(limits: Succeeded | Failed) -> Keep:
    return Keep(limits.count, timedelta(days=limits.days))


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)
