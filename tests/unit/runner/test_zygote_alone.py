"""The zygote goes into foreign images: it may need nothing but an old Python's standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import nice_runner.zygote

MODULES = sorted(Path(nice_runner.zygote.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_it_parses_as_python_3_9(module: Path) -> None:
    ast.parse(module.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_its_own_folder_only(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        assert all(name.partition(".")[0] in sys.stdlib_module_names for name in names), names
