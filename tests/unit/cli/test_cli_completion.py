"""Shells and kubectl complete our words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nice_cli.kubectl_complete import NO_FILES, words
from tests.unit.cli.conftest import Nicectl

PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_whom_to_ask(nicectl: Nicectl, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = nicectl("completion", shell)
    assert answer.code == 0
    assert "_NICECTL_COMPLETE" in answer.out


def test_the_program_answers_as_the_shell_was_told() -> None:
    asked = {"_NICECTL_COMPLETE": "bash_complete", "COMP_WORDS": "nicectl su", "COMP_CWORD": "1"}
    done = subprocess.run(
        [PROGRAMS / "nicectl"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["plain,suspend"]


def test_kubectl_gets_words_and_no_files() -> None:
    done = subprocess.run(
        [PROGRAMS / "kubectl_complete-nice", "su"], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["suspend", NO_FILES]


def test_options_of_a_command_are_completed_too() -> None:
    assert words(["run", "--wa"]) == ["--wait"]
    assert {"list", "lint"} <= set(words(["li"]))
    assert "doctor" in words([])
