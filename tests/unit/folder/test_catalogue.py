"""What several files say together, and what a broken one takes away: nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nice_operator.domain.names import uid_of
from nice_operator.folder import lint_paths, render_json, render_text
from nice_operator.folder.catalogue import catalogue_of
from nice_operator.folder.reading import FileReading, read_text

GOOD = """\
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: NAME}
spec: {timeoutAfter: 5s, run: {command: ["true"]}EXTRA}
"""


def _task(name: str, extra: str = "") -> str:
    return GOOD.replace("NAME", name).replace("EXTRA", extra)


def _read(text: str, path: str) -> FileReading:
    return read_text(text.encode(), path)


@pytest.mark.parametrize("kind", ["NiceTsk", "nicetask", "NiceTasks"])
def test_a_misspelt_kind_is_a_problem_and_its_task_stays(kind: str) -> None:
    reading = _read(_task("a").replace("NiceTask", kind), "x.yaml")

    found = catalogue_of([reading])

    (problem,) = found.problems["x.yaml"]
    assert problem.field == "kind"
    assert "did you mean NiceTask?" in problem.message
    assert found.keeps(("default", "a"), "x.yaml:1")
    assert reading.notes == ()


def test_a_kind_that_a_cluster_uses_is_only_noted() -> None:
    reading = _read(_task("a").replace("NiceTask", "NiceWorkerPool"), "x.yaml")

    assert (len(reading.notes), reading.problems) == (1, ())


def test_documents_of_several_files_join() -> None:
    found = catalogue_of([_read(_task("a") + "---\n" + _task("b"), "x.yaml"), _read(_task("c"), "y.yaml")])

    assert set(found.tasks) == {("default", "a"), ("default", "b"), ("default", "c")}
    assert found.tasks["default", "b"].origin == "x.yaml:6"
    assert found.tasks["default", "b"].uid == uid_of("default", "b")
    assert not found.problems


def test_a_task_defined_twice_is_left_as_it_was_and_both_places_are_named() -> None:
    found = catalogue_of([_read(_task("a"), "x.yaml"), _read(_task("a"), "y.yaml")])

    assert not found.tasks
    assert "y.yaml:1" in found.problems["x.yaml"][0].message
    assert "x.yaml:1" in found.problems["y.yaml"][0].message
    assert found.keeps(("default", "a"), "x.yaml:1")


def test_two_tasks_with_one_task_name_are_both_named() -> None:
    named = _task("a", ", taskName: b")

    found = catalogue_of([_read(named, "x.yaml"), _read(_task("b"), "y.yaml")])

    assert not found.tasks
    assert found.problems["x.yaml"][0].field == "spec.taskName"
    assert "y.yaml:1" in found.problems["x.yaml"][0].message


def test_a_broken_document_keeps_its_task_and_those_of_its_file_but_no_others() -> None:
    broken = _task("a").replace("5s", "never")

    found = catalogue_of([_read(broken + "---\n" + _task("b"), "x.yaml"), _read(_task("c"), "y.yaml")])

    assert set(found.tasks) == {("default", "b"), ("default", "c")}
    assert found.problems["x.yaml"][0].line == 4
    assert found.keeps(("default", "a"), "elsewhere.yaml:1")  # it moved and broke at once
    assert found.keeps(("default", "formerly-here"), "x.yaml:9")
    assert not found.keeps(("default", "gone"), "y.yaml:9")


def test_other_kinds_are_left_out_with_a_note_and_other_versions_are_an_error() -> None:
    pool = "apiVersion: nicecommander.dev/v1beta1\nkind: NiceWorkerPool\nmetadata: {name: p}\n"
    old = _task("a").replace("v1beta1", "v1")

    assert _read(pool, "x.yaml").notes[0].line == 1
    assert not _read(pool, "x.yaml").broken
    assert _read(old, "x.yaml").problems[0].field == "apiVersion"


def test_lint_tells_file_line_field_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_task("a").replace("timeoutAfter", "timeoutAfer"))
    (tmp_path / ".hidden.yaml").write_text("[")
    (tmp_path / "b.txt").write_text("[")

    reports = lint_paths([tmp_path, tmp_path / "missing.yaml"])

    text = render_text(reports)
    assert (
        f"{tmp_path}/a.yaml:4: spec.timeoutAfer: is not a field of a NiceTask; did you mean timeoutAfter?"
        in text
    )
    assert "missing.yaml: cannot be read: no such file or directory" in text
    told = json.loads(render_json(reports))
    assert told["ok"] is False
    assert len(told["files"]) == 2
