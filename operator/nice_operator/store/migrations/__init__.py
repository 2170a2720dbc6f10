"""Alembic's side of the schema: one file per revision, never changed once released."""
