"""The chart's table of values and its schema follow from its values."""

from tools.chart_reference import rendered


def test_the_charts_readme_and_schema_are_those_of_its_values() -> None:
    wrong = [path.name for path, text in rendered().items() if path.read_text(encoding="utf-8") != text]

    assert wrong == [], "run: make chart-reference"
