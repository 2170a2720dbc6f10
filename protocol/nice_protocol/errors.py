"""What can be wrong with a message. Every refusal has a code that a program can act on.

The code travels in ``error`` messages; docs/protocol.md lists them.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Why a message was refused."""

    BAD_JSON = "bad_json"
    NOT_TEXT = "not_text"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    UNSUPPORTED_VERSION = "unsupported_version"
    EXPECTED_HELLO = "expected_hello"
    EXPECTED_WELCOME = "expected_welcome"
    REPEATED_HELLO = "repeated_hello"
    DRAINING = "draining"
    NOT_STARTED = "not_started"
    ALREADY_STARTED = "already_started"
    ALREADY_ASSIGNED = "already_assigned"
    NOT_ASKED = "not_asked"
    NOT_REPORTED = "not_reported"
    OVER_CREDIT = "over_credit"
    CLOSED = "closed"
    FENCED = "fenced"
    NOT_ADMITTED = "not_admitted"
    TOO_MANY = "too_many"
    INTERNAL = "internal"


FATAL = frozenset(
    {
        Code.NOT_TEXT,
        Code.TOO_LARGE,
        Code.UNSUPPORTED_VERSION,
        Code.EXPECTED_HELLO,
        Code.EXPECTED_WELCOME,
        Code.REPEATED_HELLO,
        Code.OVER_CREDIT,
        Code.CLOSED,
        Code.FENCED,
        Code.NOT_ADMITTED,
        Code.TOO_MANY,
        Code.INTERNAL,
    }
)
"""After one of these nothing that follows can be trusted: the connection closes."""

TOLERATED = 16
"""How many refused messages one connection may send before it is closed all the same."""


class ProtocolError(Exception):
    """A message that was refused and changed nothing. ``about`` is its type, as far as it is known."""

    def __init__(self, code: Code, message: str, about: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.about = about

    @property
    def fatal(self) -> bool:
        """Whether the connection cannot go on."""
        return self.code in FATAL
