"""Kubernetes → engine: what is declared there becomes tasks here (kopf, only while this replica leads).

Thin: it reads, queues and makes one call of the engine for each object. What the product writes to
Kubernetes does not belong here (``cluster``), nor does any decision about runs.
"""
