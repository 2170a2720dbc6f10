"""What CloudWatch may have against a log, and what that means for trying again.

::

    Trouble
    ├── Away        it was not reached, or asks for patience      try again, sooner or later it works
    ├── Denied      it answers that we may not                    try again now and then: a human must act
    ├── Missing     the stream, or its group, is not there        make it, then try again
    └── Rejected    it takes no such thing                        never the same again
"""

from __future__ import annotations


class Trouble(Exception):
    """The message says in words what happened."""


class Away(Trouble):
    """No answer, a server's error, or too many requests."""


class Denied(Trouble):
    """Rights, credentials, limits of the account, or a place that is no CloudWatch."""


class Missing(Trouble):
    """No such group or stream."""


class Rejected(Trouble):
    """Something in the request is wrong."""


LATER = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ServiceUnavailableException",
        "ServiceUnavailable",
        "InternalFailure",
        "InternalServerError",
        "OperationAbortedException",
        "RequestTimeout",
        "RequestTimeoutException",
        "RequestExpired",
        "ExpiredToken",
        "ExpiredTokenException",
    }
)
"""Codes that pass by themselves, whatever their HTTP status: throttling comes as 400."""

FORBIDDEN = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "LimitExceededException",
        "UnknownOperationException",
    }
)
"""Codes about who we are, what we may, and whether this is CloudWatch at all."""

NOT_FOUND = "ResourceNotFoundException"


def judge(code: str, status: int, words: str) -> Trouble:
    """The trouble that an answer means: its code, its HTTP status, and what it says."""
    if code in LATER or status == 429 or status >= 500:
        return Away(words)
    if code == NOT_FOUND:
        return Missing(words)
    if code in FORBIDDEN or status in (401, 403, 404, 405, 407):
        return Denied(words)
    return Rejected(words) if 400 <= status < 500 else Away(words)
