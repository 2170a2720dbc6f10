"""What Alembic runs: upgrade on the connection that ``store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from nice_operator.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # MariaDB and MySQL commit at each DDL statement anyway
)
with context.begin_transaction():
    context.run_migrations()
