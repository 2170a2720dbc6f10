"""What the product does: tasks, runs, workers, and the loops that keep them moving.

It awaits ports and knows no library, no SQL and no HTTP. Decisions that need no waiting are in ``domain``.
"""
