"""Many definitions at once: those that change nothing, new tasks, new versions; others one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nice_operator.domain.task import Task
from nice_operator.ports import PutTask
from nice_operator.store.put_changed import changed_together
from nice_operator.store.put_new import new_together
from nice_operator.store.put_same import same_together
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions


def put_together(tx: Tx, versions: Versions, puts: Sequence[PutTask]) -> Mapping[int, Task]:
    """What ``put_task`` would answer, by position."""
    same = same_together(tx, versions, puts)
    others = {place: put for place, put in enumerate(puts) if place not in same}
    new = new_together(tx, versions, others)
    rest = {place: put for place, put in others.items() if place not in new}
    return same | new | changed_together(tx, versions, rest)
