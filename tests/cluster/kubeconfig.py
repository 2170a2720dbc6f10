"""Kubeconfig files: who somebody is, and where the API is."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.cluster.certificates import Pair


def write(path: Path, server: str, authority: Path, pair: Pair, context: str) -> Path:
    """A file with everything inside, readable by its owner only. JSON, which is YAML too."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": context, "cluster": {"server": server, "certificate-authority-data": _data(authority)}}
        ],
        "users": [
            {
                "name": context,
                "user": {
                    "client-certificate-data": _data(pair.certificate),
                    "client-key-data": _data(pair.key),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
