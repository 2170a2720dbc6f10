"""Messages to text and back. JSON itself comes from outside (``dumps``, ``loads``), so that either side may
use a faster one; what is checked is the same.

A field that this version does not know is ignored, because a newer peer may send one; everything else that
is not exactly as ``messages`` says is refused with a code, and names the field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, get_args

from nice_protocol.checks import Check, checker_of
from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import MAX_FRAME
from nice_protocol.messages import FromOperator, FromWorker, Message
from nice_protocol.structure import is_excessive

WORKER_TYPES: Final[dict[str, type[Any]]] = {kind.type: kind for kind in get_args(FromWorker)}
OPERATOR_TYPES: Final[dict[str, type[Any]]] = {kind.type: kind for kind in get_args(FromOperator)}

SMALL: Final = 128 * 1024
"""Texts of up to so many characters are read whatever they are."""

_CHECKS: Final[dict[type[Any], Check]] = {
    kind: checker_of(kind) for kind in (*WORKER_TYPES.values(), *OPERATOR_TYPES.values())
}


class Codec:
    """Reads and writes messages with the JSON functions it was given.

    ``loads`` takes text or bytes and raises ValueError for what is not JSON; ``dumps`` returns text or bytes.
    """

    def __init__(self, dumps: Callable[[Any], str | bytes], loads: Callable[[str | bytes], Any]) -> None:
        self._dumps = dumps
        self._loads = loads

    def encode(self, message: Message) -> str:
        """The JSON text of a message."""
        text = self._dumps(as_json(message))
        return text if isinstance(text, str) else text.decode()

    def from_worker(self, text: str | bytes) -> FromWorker:
        """Read what a worker sent. Raises ProtocolError."""
        return self._decode(text, WORKER_TYPES)  # type: ignore[no-any-return]

    def from_operator(self, text: str | bytes) -> FromOperator:
        """Read what an operator sent. Raises ProtocolError."""
        return self._decode(text, OPERATOR_TYPES)  # type: ignore[no-any-return]

    def _decode(self, text: str | bytes, known: dict[str, type[Any]]) -> Any:
        kind, value = _typed(self._parse(text), known)
        return _CHECKS[kind](value, kind.type)

    def _parse(self, text: str | bytes) -> dict[str, Any]:
        if len(text) > MAX_FRAME:
            raise ProtocolError(
                Code.TOO_LARGE, f"a message may have {MAX_FRAME} bytes; this one has {len(text)}"
            )
        if len(text) > SMALL and is_excessive(text):
            raise ProtocolError(Code.TOO_LARGE, "the message has more values than any message can need")
        try:
            value = self._loads(text)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(Code.BAD_JSON, f"expected a JSON object; {error}") from None
        if not isinstance(value, dict):
            raise ProtocolError(Code.BAD_JSON, f"expected a JSON object, found {type(value).__name__}")
        return value


def _typed(value: dict[str, Any], known: dict[str, type[Any]]) -> tuple[type[Any], dict[str, Any]]:
    name = value.get("type")
    if isinstance(name, str) and name in known:
        return known[name], value
    found = repr(name)[:80] if name is not None else "none"
    raise ProtocolError(Code.UNKNOWN_TYPE, f"expected a type among {', '.join(sorted(known))}; found {found}")


def as_json(message: Message) -> dict[str, Any]:
    """The message as plain dicts and lists, its type first."""
    return {"type": message.type, **_plain(message)}


def _plain(value: Any) -> dict[str, Any]:
    return {name: _plain_value(getattr(value, name)) for name in _names(type(value))}


def _plain_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    if hasattr(type(value), "__dataclass_fields__"):
        return _plain(value)
    return value


_NAMES: dict[type[Any], tuple[str, ...]] = {}


def _names(kind: type[Any]) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(field.name for field in fields(kind))
    return names
