"""Many definitions at once: those that change nothing, those that are new; the rest is told one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nice_operator.domain.task import Task
from nice_operator.ports import PutTask
from nice_operator.store.put_new import new_together
from nice_operator.store.put_same import same_together
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions


def put_together(tx: Tx, versions: Versions, puts: Sequence[PutTask]) -> Mapping[int, Task]:
    """What ``put_task`` would answer, by position."""
    same = same_together(tx, versions, puts)
    others = {place: put for place, put in enumerate(puts) if place not in same}
    return same | new_together(tx, versions, others)
