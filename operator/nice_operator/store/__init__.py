"""The database: tables, one guarded function per transition, one function per query, migrations.

Does not belong here: decisions (``domain``), when things happen (``engine``), and any word of HTTP.
No other package imports SQLAlchemy, and none of its errors leaves this one.
"""

from nice_operator.store.place import DatabasePlace
from nice_operator.store.sql_store import SqlStore

__all__ = ["DatabasePlace", "SqlStore"]
