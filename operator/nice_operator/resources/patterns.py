"""The shapes of texts, letter for letter those of the rules in crds/ (a test compares them)."""

from __future__ import annotations

import re

from nice_operator.domain import names

TASK_NAME = names.TASK_NAME
_UNIT = "(w|d|h|m|s|ms|(week|day|hr|hour|min|minute|sec|second|millisecond)s?)"
_LENGTH = rf"([0-9]+([.][0-9]+)? *{_UNIT}(,| |and)*)+$"
DURATION = rf"(?i)^ *{_LENGTH}"
INTERVAL = rf"(?i)^(every +)?{_LENGTH}"
BARE_INTERVAL = "(?i)^every +(week|day|hour|minute|second)$"
MACRO = "^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$"
MOMENT = (
    "^(19[7-9][0-9]|2[0-9]{3})-"
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
TIME_ZONE = "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$"
_IDENTIFIERS = "[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*"
FUNCTION = f"^{_IDENTIFIERS}:{_IDENTIFIERS}$"
ENV_NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
RESERVED_ENV_NAME = "^(PATH$|LD_|PYTHON|NICE_)"
SIGNAL = "^SIG[A-Z][A-Z0-9+-]*$"
QUANTITY = "^[0-9]{1,15}([.][0-9]{1,3})?(Ki|Mi|Gi|Ti|k|M|G|T)?$"
WORKER_POOL = "^([a-z0-9]([a-z0-9-]*[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
LABEL_NAME = "^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"
LABEL_VALUE = "^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$"

MODULE = f"^{_IDENTIFIERS}$"
NAMESPACE = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


def _field(number: str, step: str) -> str:
    item = rf"(\*|H(\({number}-{number}\))?|{number}(-{number})?)(/{step})?"
    return f"{item}(,{item})*"


CRON = (
    "^"
    + " +".join(
        (
            _field("[0-5]?[0-9]", "[1-5]?[0-9]"),
            _field("([01]?[0-9]|2[0-3])", "(1?[0-9]|2[0-3])"),
            _field("(0?[1-9]|[12][0-9]|3[01])", "([12]?[0-9]|30)"),
            _field("(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "([1-9]|1[01])"),
            _field("([0-7]|(?i:sun|mon|tue|wed|thu|fri|sat))", "[1-6]"),
        )
    )
    + "$"
)

ALL = (
    TASK_NAME, DURATION, INTERVAL, BARE_INTERVAL, MACRO, MOMENT, TIME_ZONE, FUNCTION, ENV_NAME,
    RESERVED_ENV_NAME, SIGNAL, QUANTITY, WORKER_POOL, LABEL_NAME, LABEL_VALUE, CRON,
)  # fmt: skip
"""Every pattern that a rule of the resource uses."""


OF_POOLS = (LABEL_NAME, LABEL_VALUE, MODULE, NAMESPACE)
"""Those that a rule of the pool's resource uses."""


def fits(pattern: str, text: str) -> bool:
    """Whether the whole of ``text`` has the shape."""
    return re.fullmatch(pattern, text) is not None


def schedule_shaped(text: str) -> bool:
    """Whether ``text`` looks like a schedule; whether it is one, ``domain.schedule`` knows."""
    return text == "manual" or any(fits(p, text) for p in (MACRO, BARE_INTERVAL, INTERVAL, CRON))
