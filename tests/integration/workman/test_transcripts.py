"""Every golden transcript, replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.transcripts import Replay, read_transcript
from tests.support.workman import workman_server

GOLDEN = Path(__file__).parents[2] / "golden"
TRANSCRIPTS = sorted(GOLDEN.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_what_is_said_is_what_was_always_said(path: Path, tmp_path: Path) -> None:
    transcript = read_transcript(path)

    async with workman_server(tmp_path / "nice.db", **transcript.settings) as server:
        await Replay(server).run(transcript)
