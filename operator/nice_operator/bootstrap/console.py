"""How the dev mode speaks to a terminal: one line per event, control characters made visible."""

from __future__ import annotations

import logging
import sys
import unicodedata
from datetime import datetime

from nice_operator.web.audit import LOGGER as AUDIT_LOG


class ConsoleFormatter(logging.Formatter):
    """``18:32:01 warning  text``. Text from outside cannot forge a line or move the cursor."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        text = visible(super().format(record))
        return f"{moment} {record.levelname.lower():<8} {text}"


def visible(text: str) -> str:
    """Control and format characters as escapes; the newlines of a traceback are kept, indented."""
    return "".join(_visible_character(character) for character in text).replace("\n", "\n    ")


def _visible_character(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}:
        return character
    return character.encode("unicode_escape").decode("ascii")


def set_up_logging(level: str) -> None:
    """Log to stderr from ``level`` up; libraries speak from warnings up only, and the audit log (a line for
    each click) at ``debug``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ConsoleFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("nice_operator", "nice_protocol"):
        logging.getLogger(ours).setLevel(level.upper())
    quiet = level.upper() != "DEBUG"
    logging.getLogger(AUDIT_LOG).setLevel(logging.WARNING if quiet else logging.INFO)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)
