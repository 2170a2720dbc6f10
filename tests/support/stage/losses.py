"""What the product says of executions that ended with their worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nice_operator.domain.reasons import Reason
from tests.support.stage.trial import Trial

_QUERY = """
    SELECT t.name, LOWER(HEX(r.id)), r.state, a.reason, a.message, a.worker
    FROM attempts a JOIN runs r ON r.id = a.run_id JOIN tasks t ON t.id = r.task_id
    WHERE a.state = 'lost' AND a.stale = 0 AND t.living = 1 ORDER BY a.run_id, a.epoch
"""


@dataclass(frozen=True)
class Loss:
    """One execution. ``run`` is hexadecimal, ``end`` the state that its run has."""

    task: str
    run: str
    end: str
    reason: str
    message: str
    worker: str


def told(current: Trial, worker: str) -> Sequence[Loss]:
    """Those of one worker. All of a trial are printed by what they say: where cores are short, other workers
    may lose something, too. Who drained and handed back lost nothing."""
    rows = [Loss(*map(_text, row)) for row in current.stage.rows(_QUERY)]
    for (reason, message), count in sorted(Counter((one.reason, one.message) for one in rows).items()):
        current.say(f"{count} × {reason}: {message}")
    losses = [one for one in rows if one.reason != Reason.INTERRUPTED]
    own = [one for one in losses if one.worker == worker]
    ends = dict(Counter(one.end for one in own))
    handed_back = len(rows) - len(losses)
    current.say(
        f"lost: {len(own)} executions of {worker} (their runs: {ends}), {len(losses) - len(own)} of others"
    )
    current.say(f"handed back: {handed_back}")
    return own


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
