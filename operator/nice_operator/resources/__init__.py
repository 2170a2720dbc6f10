"""NiceTask as written: its model (the twin of crds/nicetasks.yaml) and what it means to the engine.

Nothing here reads files, speaks to Kubernetes or knows the time.
"""

from nice_operator.resources.read import read_definition, spec_from_manifest

__all__ = ["read_definition", "spec_from_manifest"]
