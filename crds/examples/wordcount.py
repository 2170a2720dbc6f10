"""What the task of word-count.yaml calls."""

import json
from collections import Counter


def run(payload: dict) -> dict:
    """The most frequent words of ``text``, at most ``top`` of them."""
    words = payload["text"].lower().split()
    print(json.dumps({"level": "info", "message": "counting", "words": len(words)}))
    return {"words": dict(Counter(words).most_common(payload.get("top", 10)))}
