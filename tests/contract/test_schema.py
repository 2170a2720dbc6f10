"""The schema: migrations make what the code believes, and invariants hold against our own mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from nice_operator.domain.errors import InvalidInput
from nice_operator.store import SqlStore
from nice_operator.store.migrate import HEAD
from nice_operator.store.tables import metadata, runs, tasks
from tests.support.stores import StoreHarness, read_spec


async def test_the_migrations_make_exactly_the_metadata(harness: StoreHarness) -> None:
    differences = await harness.store.database.run_alone(_differences)

    assert differences == []


async def test_the_migrations_make_every_check(harness: StoreHarness) -> None:
    found = await harness.store.database.run_alone(_checks)

    expected = {
        constraint.name
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    assert found == expected


async def test_a_database_of_a_newer_version_is_refused(harness: StoreHarness) -> None:
    await harness.store.database.run_alone(lambda engine: _set_revision(engine, "9999"))
    try:
        with pytest.raises(InvalidInput, match=f"expected schema {HEAD} or older, found 9999"):
            await SqlStore.open(harness.url, read_spec=read_spec)
    finally:
        await harness.store.database.run_alone(lambda engine: _set_revision(engine, HEAD))


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "running"},
        {"state": "claimed"},
        {"state": "succeeded"},
        {"state": "nonsense"},
        {"lease_until": 1},
        {"finished_at": 1},
        {"waiting": 1, "active_key": "t:0:0"},
        {"missed_count": 1},
        {"epoch": -1},
        {"generation": 99},
    ],
    ids=lambda wrong: ",".join(f"{key}={value}" for key, value in wrong.items()),
)
async def test_a_run_that_must_not_be_cannot_be(harness: StoreHarness, wrong: dict[str, Any]) -> None:
    run = (await harness.submit(await harness.put("a"))).run

    with pytest.raises(sa.exc.DBAPIError):
        await harness.store.database.write(
            lambda tx: tx.write(sa.update(runs).where(runs.c.id == run.id).values(wrong))
        )


async def test_a_deleted_task_cannot_be_due(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=1)

    with pytest.raises(sa.exc.DBAPIError):
        await harness.store.database.write(
            lambda tx: tx.write(
                sa.update(tasks).where(tasks.c.id == task.id).values(living=None, deleted_at=1)
            )
        )


def _differences(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def _checks(engine: sa.Engine) -> set[str | None]:
    inspector = sa.inspect(engine)
    return {check["name"] for table in metadata.tables for check in inspector.get_check_constraints(table)}


def _set_revision(engine: sa.Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
