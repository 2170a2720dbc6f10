"""One machine: the data directory, its locks, and the local worker process (dev mode).

What belongs to a cluster (Kubernetes, Redis) does not belong here.
"""
