"""NiceTask and NiceWorkerPool as written: their models (the twins of crds/) and what they mean to the engine.

Nothing here reads files, speaks to Kubernetes or knows the time.
"""

from nice_operator.resources.canonical import canonical
from nice_operator.resources.convert import queue_of_manifest
from nice_operator.resources.envelope import API_VERSION, GROUP, KIND, POOL_KIND
from nice_operator.resources.findings import path_of
from nice_operator.resources.pool import PoolReading, read_pool
from nice_operator.resources.read import Reading, examine, read_definition, spec_from_manifest

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "POOL_KIND",
    "PoolReading",
    "Reading",
    "canonical",
    "examine",
    "path_of",
    "queue_of_manifest",
    "read_definition",
    "read_pool",
    "spec_from_manifest",
]
