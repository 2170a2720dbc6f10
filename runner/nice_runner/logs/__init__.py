"""From the bytes that runs write to the numbered lines that the operator keeps.

Nothing here waits: what the operator cannot take in time is spooled, and beyond the spool it is counted.
``cloudwatch`` keeps them there as well, by way of ``ring``.
"""
