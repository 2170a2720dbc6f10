"""The whole product and a real browser, one of each per module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import TASKS, Visitor, chromium
from tests.support.product import Product


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the test tasks, to be edited."""
    copy = tmp_path_factory.mktemp("product") / "tasks"
    shutil.copytree(TASKS, copy)
    return copy


@pytest.fixture(scope="module")
def product(folder: Path) -> Iterator[Product]:
    """The dev server on that folder."""
    with Product(folder, folder.parent / "data") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, product: Product) -> Iterator[Visitor]:
    """Somebody in New York with a laptop."""
    with Visitor.arrives(browser, product.base) as visitor:
        yield visitor


@pytest.fixture
def plain_visitor(browser: Browser, product: Product) -> Iterator[Visitor]:
    """The same without JavaScript."""
    with Visitor.arrives(browser, product.base, java_script_enabled=False) as visitor:
        yield visitor
