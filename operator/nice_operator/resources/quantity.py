"""Amounts of memory as Kubernetes writes them: "512Mi", "1.5Gi", "64M"."""

from __future__ import annotations

import re
from decimal import Decimal

from nice_operator.resources.patterns import QUANTITY

_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    f"{prefix}i": 1024**power for power, prefix in enumerate("KMGT", 1)
}


def bytes_of(text: str) -> int:
    """Whole bytes, rounded up. ``text`` must have the shape ``patterns.QUANTITY``."""
    if not re.fullmatch(QUANTITY, text):
        raise ValueError(f"{text!r:.40} is no amount of memory")
    number = text.rstrip("kMGTKi")
    exact = Decimal(number) * _FACTORS[text[len(number) :]]
    return int(exact.to_integral_value(rounding="ROUND_CEILING"))
