"""What the engine needs from outside, as Protocols. Adapters implement these and never call the engine.

All times are aware UTC datetimes. Every decision about time uses the database's clock: that is why
most calls do not take a "now". Errors: adapters raise ``domain.errors.Unavailable`` when their system
does not answer, and no error of a library ever passes this border.
"""

from nice_operator.ports.coordination import (
    Clock,
    Duty,
    Liveness,
    Subscription,
    Term,
    Wakeups,
)
from nice_operator.ports.logs import (
    LogChunk,
    LogStore,
)
from nice_operator.ports.runs import (
    MOST_TAKEN,
    CancelResult,
    Claimed,
    ClaimRequest,
    FinishDecision,
    FinishVerdict,
    HeartbeatReply,
    HeldRun,
    NewRun,
    OpenSession,
    Reaped,
    RunFilter,
    RunPage,
    RunQueries,
    RunStore,
    StartVerdict,
    Submitted,
)
from nice_operator.ports.store import (
    HistoryStore,
    SecretStore,
    Store,
)
from nice_operator.ports.tasks import (
    BrokenFile,
    DueTask,
    FirePlan,
    FireStore,
    PlannedFire,
    PutTask,
    TaskStore,
)

__all__ = [
    "MOST_TAKEN",
    "BrokenFile",
    "CancelResult",
    "ClaimRequest",
    "Claimed",
    "Clock",
    "DueTask",
    "Duty",
    "FinishDecision",
    "FinishVerdict",
    "FirePlan",
    "FireStore",
    "HeartbeatReply",
    "HeldRun",
    "HistoryStore",
    "Liveness",
    "LogChunk",
    "LogStore",
    "NewRun",
    "OpenSession",
    "PlannedFire",
    "PutTask",
    "Reaped",
    "RunFilter",
    "RunPage",
    "RunQueries",
    "RunStore",
    "SecretStore",
    "StartVerdict",
    "Store",
    "Submitted",
    "Subscription",
    "TaskStore",
    "Term",
    "Wakeups",
]
