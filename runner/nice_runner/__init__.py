"""The worker of Nice Commander: takes runs from an operator and executes each in a process tree of its own.

Nothing here decides what a run means to its task (retries, schedules, history): that is the operator's.
"""
