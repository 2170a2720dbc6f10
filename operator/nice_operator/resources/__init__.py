"""NiceTask as written: its model (the twin of crds/nicetasks.yaml) and what it means to the engine.

Nothing here reads files, speaks to Kubernetes or knows the time.
"""

from nice_operator.resources.canonical import canonical
from nice_operator.resources.envelope import API_VERSION, GROUP, KIND
from nice_operator.resources.findings import path_of
from nice_operator.resources.read import Reading, examine, read_definition, spec_from_manifest

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "Reading",
    "canonical",
    "examine",
    "path_of",
    "read_definition",
    "spec_from_manifest",
]
