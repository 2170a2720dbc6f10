"""What an answer of CloudWatch means for trying again."""

from __future__ import annotations

import pytest

from nice_runner.logs.cloudwatch.trouble import Away, Denied, Missing, Rejected, judge


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("ThrottlingException", 400, Away),
        ("", 429, Away),
        ("InternalFailure", 500, Away),
        ("", 502, Away),
        ("ServiceUnavailableException", 503, Away),
        ("ExpiredTokenException", 400, Away),
        ("OperationAbortedException", 400, Away),
        ("ResourceNotFoundException", 400, Missing),
        ("AccessDeniedException", 400, Denied),
        ("AccessDenied", 403, Denied),
        ("UnrecognizedClientException", 400, Denied),
        ("InvalidSignatureException", 400, Denied),
        ("LimitExceededException", 400, Denied),
        ("UnknownOperationException", 400, Denied),
        ("", 404, Denied),
        ("InvalidParameterException", 400, Rejected),
        ("SerializationException", 400, Rejected),
        ("SomethingNewException", 400, Rejected),
        ("RequestEntityTooLarge", 413, Rejected),
        ("", 302, Away),
    ],
)
def test_a_code_and_a_status_have_one_meaning(code: str, status: int, meaning: type[Exception]) -> None:
    assert type(judge(code, status, "words")) is meaning
