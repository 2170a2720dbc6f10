"""What the operator says in a cluster: one JSON object per line, which no text from outside can forge."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from nice_operator.web.audit import LOGGER as AUDIT_LOG


class JsonFormatter(logging.Formatter):
    """``{"ts", "level", "logger", "message"}``, and ``exception`` with a traceback where there is one; the
    audit log's lines have its facts as members."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "audit", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_as_json(level: str) -> None:
    """Log to stdout from ``level`` up; the audit log in any case, and libraries from warnings up only."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("nice_operator", "nice_protocol"):
        logging.getLogger(ours).setLevel(level.upper())
    logging.getLogger(AUDIT_LOG).setLevel(logging.INFO)
