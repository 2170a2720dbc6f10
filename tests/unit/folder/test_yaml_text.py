"""Reading YAML that means well and YAML that does not."""

from __future__ import annotations

import pytest

from nice_operator.folder.yaml_text import MOST_BYTES, read_documents


def _value(text: str) -> object:
    documents, problems = read_documents(text.encode())
    assert problems == []
    return documents[0].value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("a: 1:30", "1:30"),
        ("a: 1e3", 1000.0),
        ("a: 0x1F", 31),
        ("a: '5'", "5"),
        ("a: yes", True),
        ("a: n", False),
        ("a:", None),
        ("a: |\n  x\n  y\n", "x\ny\n"),
        ("a: 123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_value_is_what_kubectl_would_send(text: str, value: object) -> None:
    assert _value(text) == {"a": value}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        pytest.param(BOMB.encode(), 1, "fewer aliases", id="alias bomb"),
        pytest.param(b"a: &x [*x]", 1, "by an alias", id="alias of itself"),
        pytest.param(b"[" * 100_000, 1, "nested deeper", id="deep flow"),
        pytest.param(b"- " * 20_000, 1, "nested deeper", id="deep block"),
        pytest.param(b"a:\n\tb: 1", 2, "use spaces", id="tab"),
        pytest.param(b"a: 1\nb: 2\na: 3", 3, "given twice", id="a name twice"),
        pytest.param(b"a: 1\nb: \xff", 2, "not UTF-8", id="not utf-8"),
        pytest.param(b"a: \x01", 1, "control character", id="control character"),
        pytest.param(b"a: .nan", 1, "no JSON number", id="not a number"),
        pytest.param(b"a: 1e999", 1, "too large", id="infinite"),
        pytest.param(b"a: !!python/object:os.system {}", 1, "tag", id="tag"),
        pytest.param(b"<<: {a: 1}", 1, "merge key", id="merge key"),
        pytest.param(b"a: {{x}}", 1, "must be a text", id="template left over"),
        pytest.param(
            b"a: 1\nb: {n: 3}", 2, 'the name n is read by YAML as false; put it in quotes: "n"', id="n"
        ),
        pytest.param(b"1: x", 1, "the name 1 is read by YAML as a number", id="name that is a number"),
        pytest.param(b"a: [", 1, "not valid YAML", id="unfinished"),
        pytest.param(b"a: *nope", 1, "alias", id="unknown alias"),
        pytest.param(b"#" * (MOST_BYTES + 1), None, "split it", id="too large"),
        pytest.param(b"---\na: 1\n" * 1001, 2001, "documents", id="too many documents"),
    ],
)
def test_a_hostile_file_is_refused_with_its_line(data: bytes, line: int | None, says: str) -> None:
    _, problems = read_documents(data)

    assert len(problems) == 1
    assert says in problems[0].message
    assert problems[0].line == line


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n---\n", "\ufeff"])
def test_an_empty_file_is_no_error(text: str) -> None:
    assert read_documents(text.encode()) == ([], [])


def test_what_stands_before_a_syntax_error_is_read_all_the_same() -> None:
    documents, problems = read_documents(b"a: 1\n---\nb: [\n")

    assert [document.value for document in documents] == [{"a": 1}]
    assert len(problems) == 1


def test_each_value_knows_its_line() -> None:
    documents, _ = read_documents(b"# c\na:\n  b:\n    - x\n    - c: 1\n")

    assert documents[0].line == 2
    assert documents[0].lines[("a", "b", 1, "c")] == 5
