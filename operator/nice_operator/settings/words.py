"""Single values, read from text: each says what is wrong with it and goes on, so that all mistakes are told
at once."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.timeout import parse_duration

DEFAULT_PORT = 9999
DEFAULT_RATE = 2000
SWITCH = {"on": True, "off": False}
LOG_LEVELS = ("debug", "info", "warning", "error")


def read_level(text: str, problems: list[Problem]) -> str:
    """NICE_LOG_LEVEL."""
    level = text.lower()
    if level not in LOG_LEVELS:
        problems.append(Problem("NICE_LOG_LEVEL", f"is {level!r}; expected one of {', '.join(LOG_LEVELS)}"))
    return level


def read_switch(name: str, text: str, problems: list[Problem]) -> bool:
    """``on`` or ``off``."""
    if text.lower() not in SWITCH:
        problems.append(Problem(name, f"is {text!r}; expected on or off"))
    return SWITCH.get(text.lower(), False)


def read_port(name: str, text: str, problems: list[Problem]) -> int:
    """A port; 0 means any free one."""
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    problems.append(Problem(name, f"is {text!r}; expected a number from 1 to 65535, or 0 for any free port"))
    return 0


def read_rate(text: str, problems: list[Problem]) -> float:
    """NICE_CLIENT_RATE."""
    if text.isascii() and text.isdigit() and int(text) <= 1_000_000:
        return float(text)
    expected = "expected requests a second of one client, from 1 to 1000000, or 0 for any number"
    problems.append(Problem("NICE_CLIENT_RATE", f"is {text!r}; {expected}"))
    return 0.0


def read_timeout(name: str, text: str, problems: list[Problem]) -> timedelta:
    """A duration as in ``timeoutAfter``."""
    try:
        return parse_duration(int(text) if text.isascii() and text.isdigit() else text)
    except InvalidInput as error:
        problems.append(Problem(name, str(error)))
        return timedelta()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Whether one can listen there."""
    try:
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False
