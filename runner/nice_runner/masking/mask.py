"""What one attempt keeps to itself: the secrets of its pool, of its environment, and of its payload."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Protocol

from nice_protocol.messages import Assign
from nice_protocol.secrecy.shapes import MASK
from nice_runner.masking.patterns import NOTHING, Patterns, patterns_of
from nice_runner.masking.stream import StreamMask
from nice_runner.masking.values import values_of_environment, values_of_members, values_of_secret

logger = logging.getLogger(__name__)

_SCALAR = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)


class Mask(Protocol):
    """How the words of an attempt are made fit to leave the pod."""

    def stream(self) -> StreamMask:
        """For the bytes of one stream."""
        ...

    def text(self, text: str) -> str:
        """For an error's message, or a line."""
        ...

    def result(self, text: str) -> str:
        """For a result, which is JSON and stays so."""
        ...


class Secrets:
    """The pool's: what the zygote finds in its container. A value that was one stays one for this life,
    since runs that began before a Secret changed still have it."""

    def __init__(self) -> None:
        self.patterns = NOTHING
        self._values: dict[str, None] = {}

    def learn(self, parts: Iterable[tuple[str, str]]) -> None:
        """Take in parts of Secrets, by name and content."""
        self._values.update((value, None) for name, text in parts for value in values_of_secret(name, text))
        self.patterns = patterns_of(self._values)
        if self.patterns.dropped:
            logger.warning("%s forms of secret values are too many and are not masked", self.patterns.dropped)

    def text(self, text: str) -> str:
        """``text`` without them, and without values of known shapes."""
        return _masked_text(self.patterns, text)

    def of(self, assign: Assign) -> AttemptMask:
        """For an attempt of this worker."""
        return AttemptMask(self, assign.env, assign.payload)


class AttemptMask:
    """A Mask. Looks into environment and payload when it is first used, not before the run starts."""

    def __init__(self, secrets: Secrets, environment: dict[str, str], payload: str) -> None:
        self._secrets = secrets
        self._environment = environment
        self._payload = payload
        self._pool: Patterns | None = None
        self._all = NOTHING

    @cached_property
    def _own(self) -> Patterns:
        return patterns_of(values_of_environment(self._environment.items()))

    @cached_property
    def _given(self) -> Patterns:
        return patterns_of(values_of_members(self._payload))

    def patterns(self) -> Patterns:
        """All that its log and its messages must not show."""
        pool = self._secrets.patterns
        if pool is not self._pool:
            self._pool, self._all = pool, pool + self._own + self._given
        return self._all

    def stream(self) -> StreamMask:
        return StreamMask(self.patterns)

    def text(self, text: str) -> str:
        return _masked_text(self.patterns(), text)

    def result(self, text: str) -> str:
        """Without the pool's and the environment's. What came in the payload goes back to whoever sent it."""
        patterns = self._secrets.patterns + self._own
        if not patterns.patterns:
            return text
        if "\\" not in text and not patterns.spans(text.encode()):
            return text
        return _SCALAR.sub(lambda found: _masked_scalar(patterns, found.group()), text)


NO_SECRETS = AttemptMask(Secrets(), {}, "null")
"""Where nothing is known but how secrets look."""


def mask_shown(mask: Mask, texts: Sequence[str]) -> list[str]:
    """Texts that the task's own function made of its lines."""
    together = "\n".join(texts)
    return list(texts) if mask.text(together) == together else [mask.text(text) for text in texts]


def _masked_text(patterns: Patterns, text: str) -> str:
    stream = StreamMask(lambda: patterns)
    data = text.encode("utf-8", "surrogatepass")
    masked = stream.feed(data) + stream.end()
    return text if masked == data else masked.decode("utf-8", "replace")


def _masked_scalar(patterns: Patterns, scalar: str) -> str:
    """Of JSON. A string is looked at as what it means; a number that holds a secret becomes a string."""
    if scalar[0] != '"':
        return f'"{MASK}"' if patterns.spans(scalar.encode()) else scalar
    value = json.loads(scalar)
    masked = patterns.masked(value)
    return scalar if masked is value else json.dumps(masked, ensure_ascii=False)
