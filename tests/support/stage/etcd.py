"""The API server's own database, asked past it."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.cluster import native
from tests.cluster.control_plane import ETCD
from tests.cluster.places import Places

_ASK = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.argv[2].encode())
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""


def compact(places: Places) -> int:
    """Forget every version but the newest, as etcd is told to every few minutes; its revision."""
    revision = int(_ask(places, "kv/range", {"key": "AA=="})["header"]["revision"])
    _ask(places, "kv/compaction", {"revision": revision})
    return revision


def _ask(places: Places, path: str, question: dict[str, Any]) -> dict[str, Any]:
    words = (sys.executable, "-I", "-c", _ASK, f"{ETCD}/v3/{path}", json.dumps(question))
    answer: dict[str, Any] = json.loads(native.control(places).run(*words))
    return answer
