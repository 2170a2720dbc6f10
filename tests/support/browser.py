"""Real Chromium for tests: started, watched for what must never happen, and photographed."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

TASKS = Path(__file__).parents[1] / "browser" / "tasks"
SCREENSHOTS = Path(__file__).parents[1] / "browser" / "screenshots"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WITHIN = 20_000.0
"""Milliseconds that anything may take to show."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium; a machine without one fails the test and says what to do."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("browser tests need Chromium and none is installed; remedy: apt-get install chromium")
    expect.set_options(timeout=WITHIN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody who looks at pages. ``trouble`` collects dialogs, script errors and policy violations."""

    page: Page
    base: str
    trouble: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def arrives(cls, browser: Browser, base: str, **options: Any) -> Iterator[Visitor]:
        """A fresh browser context, which must have met no trouble when it is left."""
        defaults = {"viewport": {"width": 1200, "height": 850}, "timezone_id": "America/New_York"}
        context = browser.new_context(**{**defaults, **options})
        context.set_default_timeout(WITHIN)
        visitor = cls(context.new_page(), base)
        visitor._watch()
        try:
            yield visitor
        finally:
            context.close()
        assert visitor.trouble == []

    def _watch(self) -> None:
        def dialog(box: Any) -> None:
            self.trouble.append(f"dialog: {box.message}")
            box.dismiss()

        self.page.on("dialog", dialog)
        self.page.on("pageerror", lambda error: self.trouble.append(f"script error: {error}"))
        self.page.on("console", lambda said: self._hear(said.type, said.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:
            self.trouble.append(f"console: {text}")

    def opens(self, path: str) -> Page:
        """Go to an address of the product."""
        self.page.goto(self.base + path)
        return self.page

    def photographs(self, name: str) -> None:
        """Keep a picture of the whole page; no page may be wider than the window."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.page.viewport_size["width"], f"{name} is {width} pixels wide"  # type: ignore[index]


def call(base: str, path: str, body: Any = None) -> Any:
    """The API as a program calls it: POST when there is a body, else GET."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def ended_run(base: str, task: str, **body: Any) -> Any:
    """A run of ``task`` that has ended."""
    run = call(base, f"/api/v1/tasks/default/{task}/runs", body)
    return call(base, f"/api/v1/runs/{run['id']}?wait=30")
