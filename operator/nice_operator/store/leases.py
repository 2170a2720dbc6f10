"""How long the database believes a worker (docs/run-lifecycle.md gives the reasons). In microseconds."""

from __future__ import annotations

SECOND = 1_000_000

CLAIMED = 10 * SECOND
"""A claim that never started has no side effects: it may go quickly."""

RUNNING = 30 * SECOND
"""Six heartbeats: an outage of a few seconds kills nothing."""

CLAIMED_SLACK = 2 * SECOND
RUNNING_SLACK = 5 * SECOND
"""How much later than the lease the reaper acts."""

DEADLINE_SLACK = 30 * SECOND
"""How much later than deadline and grace the server ends a run itself: a backstop behind the worker."""
