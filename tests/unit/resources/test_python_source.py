"""Python mistakes that are noticed when a definition is read, before anything of it runs."""

from __future__ import annotations

import pytest

from nice_operator.resources import read_definition
from nice_operator.resources.python_source import source_problems

GOOD = [
    "def run(payload): return 1",
    "async def run(payload): return 1",
    "from reports import run",
    "import run",
    "from reports import *",
    "run = print",
    "run: object = print",
    "try:\n    from fast import run\nexcept ImportError:\n    def run(p): ...",
    "exec('def run(p): ...')",
    "globals()['run'] = print",
    "class run:\n    def __init__(self, payload): ...",
    'x = "\\d"\ndef run(p): return x is "a"',
]


@pytest.mark.parametrize("source", GOOD)
def test_whatever_may_define_run_is_taken(source: str) -> None:
    assert source_problems(source) == ()


@pytest.mark.parametrize(
    "source", ["", "x = 1", "def main(payload): ...", "def f():\n    run = 1", "print(run)"]
)
def test_a_source_without_run_says_what_to_add(source: str) -> None:
    (problem,) = source_problems(source)

    assert "def run(payload)" in problem.message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "def run(p):\n    x = 1\n    if x\n        pass",
            "line 3 of the source is not valid Python: expected ':'",
        ),
        ("def run(p): pass\nreturn 1", "line 2 of the source is not valid Python: 'return' outside function"),
        ("def run(p): pass\0", "null byte"),
        ("def run(p): return " + "(" * 5000, "of the source is not valid Python"),
    ],
)
def test_a_source_that_is_no_python_says_where(source: str, words: str) -> None:
    (problem,) = source_problems(source)

    assert problem.field == "spec.run.python.source"
    assert words in problem.message


def test_such_a_definition_is_stalled_and_nothing_of_it_is_executed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": "job"},
        "spec": {"timeoutAfter": "1 s", "run": {"python": {"source": "print('executed')"}}},
    }

    definition = read_definition(document, uid="u", generation=1)

    assert definition.spec is None
    assert "def run(payload)" in definition.stalled
    assert capsys.readouterr().out == ""
