"""Between replicas: who leads, and who is to be woken. On Redis, and inside one process.

What may happen only once is never decided here: that is the database's business (``store``).
"""
