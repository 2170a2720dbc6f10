"""Servers that only show or that read no folder, and log lines on standard output, as one starts them."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.product import Product

TASK = (
    "apiVersion: nicecommander.dev/v1beta1\nkind: NiceTask\nmetadata: {{name: {name}}}\n"
    "spec:\n  timeoutAfter: 1 minute\n  run:\n    command: [echo, {words}]\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "hello.yaml").write_text(TASK.format(name="hello", words="good morning"))
    return tasks


def page(product: Product, path: str = "/") -> str:
    request = urllib.request.Request(product.base + path, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def test_modes_that_show_what_is_stored_say_so_and_change_nothing(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Product(folder, data) as product:
        product.await_worker()
        made = product.post("/api/v1/tasks/default/hello/runs", {})
        product.until(f"/api/v1/runs/{made['id']}", lambda run: run["final"])
    (folder / "new.yaml").write_text(TASK.format(name="new", words="x"))

    with Product(folder, data, "--no-sync") as product:
        assert [task["name"] for task in product.get("/api/v1/tasks")["tasks"]] == ["hello"]
        assert "not synced" in page(product)
        product.await_worker()
        assert product.post("/api/v1/tasks/default/hello/runs", {})["state"] == "queued"

    with Product(folder, data, "--view-only") as product:
        pages = ("/", "/ui/tasks/default/hello", f"/ui/runs/{made['id']}")
        text = "".join(page(product, path) for path in pages)
        assert "view only" in text
        assert "<form" not in text
        assert "<button" not in text.replace('<button type="button" data-log', "")
        for path in ("/api/v1/tasks/default/hello/runs", f"/api/v1/runs/{made['id']}/retry", "/task/hello"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                product.post(path, {})
            assert refusal.value.code == 403
            assert b"view-only" in refusal.value.read()


def test_log_lines_are_copied_to_standard_output(folder: Path, tmp_path: Path) -> None:
    with Product(folder, tmp_path / "data", "--log-to-stdout") as product:
        product.await_worker()
        made = product.post("/api/v1/tasks/default/hello/runs", {})
        product.hear(f"[default/hello {made['id']}] good morning\n")
