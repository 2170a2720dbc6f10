"""A server for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.workman import WorkmanServer, workman_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[WorkmanServer]:
    """With every setting as quick as it can be."""
    async with workman_server(tmp_path / "nice.db") as made:
        yield made
