"""The formatted view of a log: JSON in words, a task's own words, and the raw log beside it."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from tests.support.product import Product

FOLDER = Path(__file__).parents[2] / "examples" / "logs"


def text(product: Product, path: str) -> str:
    with urllib.request.urlopen(product.base + path, timeout=30) as answer:
        found: str = answer.read().decode()
        return found


def ended(product: Product, task: str) -> str:
    run = product.post(f"/api/v1/tasks/default/{task}/runs", {})["id"]
    product.until(f"/api/v1/runs/{run}", lambda found: found["final"])
    return str(run)


def test_json_and_own_words_are_read_while_the_raw_log_stays_as_written(tmp_path: Path) -> None:
    with Product(FOLDER, tmp_path / "data") as product:
        product.await_worker()

        run = ended(product, "json-logs")
        assert '{"level": "info", "msg": "sent", "to": 3}' in text(product, f"/api/v1/runs/{run}/logs/raw")
        for view in (f"/api/v1/runs/{run}/logs/formatted", f"/ui/runs/{run}"):
            assert "INFO sent to=3" in text(product, view)
            assert "{not json" in text(product, view)

        run = ended(product, "own-words")
        assert text(product, f"/api/v1/runs/{run}/logs/raw") == "3;ok\n5;too hot\n"
        for view in (f"/api/v1/runs/{run}/logs/formatted", f"/ui/runs/{run}"):
            assert "sensor 5: too hot" in text(product, view)
        chunks = product.get(f"/api/v1/runs/{run}/logs")["chunks"]
        assert [line for chunk in chunks for line in chunk["shown"]] == ["sensor 3: ok", "sensor 5: too hot"]
