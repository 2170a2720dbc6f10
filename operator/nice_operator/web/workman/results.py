"""A task's result as its caller sees it, and a refusal in the words of this interface. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.run import RunState
from nice_operator.domain.strict_json import MAX_BYTES, dump_json
from nice_operator.engine.endings import RunEnd
from nice_operator.web.errors import Refusal

_STATUS = {
    RunState.FAILED: 500,
    RunState.LOST: 500,
    RunState.TIMED_OUT: 504,
    RunState.CANCELLED: 409,
    RunState.SKIPPED: 409,
    RunState.MISSED: 409,
}
_HALF = re.compile("[\ud800-\udfff]")
"""Lone surrogates, which UTF-8 does not have: such a text stays the JSON that it came as."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A result that is shown as text: a string, or nothing ("") for null and for no result at all."""

    text: str


def shown(result: str | None) -> Plain | str:
    """A result (JSON text; None: there is none) as it looks without an envelope: JSON text, or ``Plain``."""
    if result is None:
        return Plain("")
    if result[:1] not in ('"', "n"):
        return result
    text = json.loads(result) or ""
    return result if _HALF.search(text) else Plain(text)


def bare(result: str | None) -> str:
    """A result as a WebSocket message of its own."""
    what = shown(result)
    return what.text if isinstance(what, Plain) else what


def enveloped(nonce: str, result: str | None) -> str:
    """A result with the caller's nonce (JSON text); one that does not exist leaves its name out."""
    return f'{{"nonce":{nonce}}}' if result is None else f'{{"nonce":{nonce},"result":{result}}}'


def reply(nonce: str | None, result: str | None) -> str:
    """The WebSocket message that answers: in an envelope if the request had a nonce."""
    return bare(result) if nonce is None else enveloped(nonce, result)


def refusal_of_run(run: RunEnd) -> Refusal | None:
    """What is told of a run that did not succeed; None for one that did."""
    if run.state is RunState.SUCCEEDED:
        return None
    details = {"run": str(run.blocked_by or run.id), "state": run.state.value}
    return Refusal(_STATUS.get(run.state, 503), run.message or run.reason, details)


def error_text(refusal: Refusal) -> str:
    """A refusal as a result: the message, and the run that it is about."""
    about = {name: refusal.details[name] for name in ("run", "state") if name in refusal.details}
    return dump_json({"error": refusal.message, **about})


def bad_message(error: InvalidInput) -> str:
    """The answer to what is no message at all."""
    return dump_json(Refusal(400, str(error)).document())


def bounded(options: str | None) -> str | None:
    """Options as they may be kept. Raises InvalidInput when they are too large."""
    size = 0 if options is None else len(options.encode())
    if size > MAX_BYTES:
        raise InvalidInput(f"the options have {size} bytes; at most {MAX_BYTES} are taken; send less")
    return options
