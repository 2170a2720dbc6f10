"""What a caller of ``POST /task/{name}`` gets of a result."""

from __future__ import annotations

import pytest

from nice_operator.web.workman import result_answer


def test_a_text_is_given_raw() -> None:
    answer = result_answer('"caf\\u00e9"')
    assert (answer.body, answer.content_type) == ("café".encode(), "text/plain")


@pytest.mark.parametrize("text", ['"\\ud800"', '"a\\udc00b"'])
def test_a_text_that_utf8_does_not_have_stays_json(text: str) -> None:
    answer = result_answer(text)
    assert (answer.body, answer.content_type) == (text.encode(), "application/json")
