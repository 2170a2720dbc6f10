"""The zygote's word on what is secret in its container, read from the file in memory that it sends."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Sequence

logger = logging.getLogger(__name__)

MOST = 16 * 1024 * 1024
"""Bytes that are read: many times what Kubernetes lets Secrets of a pod have."""

Part = tuple[str, str]
"""A part of a Secret: its name and its content."""


def read_parts(descriptor: int) -> Sequence[Part]:
    """All parts in it; closes it. What is none is nothing, and said: runs have the user of the zygote."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no file")
        return [(str(name), str(text)) for name, text in json.loads(os.pread(descriptor, MOST, 0))]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        logger.error("what the zygote says is secret cannot be read, and is not masked: %s", error)
        return ()
    finally:
        os.close(descriptor)
