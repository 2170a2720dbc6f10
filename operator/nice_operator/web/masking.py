"""What people and programs are shown of payloads, results and definitions: secrets masked.

What looks secret by its name or its shape is masked wherever it is shown; the run gets the payload itself,
and whoever asked for a run its result. Forms come back with masks in them: these stand for what they hide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.run import Run, Trigger
from nice_operator.domain.strict_json import dump_json, parse_json
from nice_operator.web.aside import LARGE
from nice_protocol.secrecy.members import Member, masked_json, secret_members
from nice_protocol.secrecy.names import looks_secret
from nice_protocol.secrecy.shapes import MASK, replaced, without_shapes

T = TypeVar("T")

SHORT = 4096
"""Characters of a text of which only the beginning is shown."""

_ASKED_FOR = (Trigger.API, Trigger.CLI, Trigger.UI)


def masked_start(text: str) -> str:
    """The beginning of JSON text, to be shown on one line."""
    return masked_json(text[:SHORT])


def shown_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A task's spec as written, but for secrets in its payload, its variables and its code."""
    shown = dict(manifest.items())  # a kept manifest is read at each look, and by items() once
    if "payload" in shown:
        shown["payload"] = parse_json(masked_json(dump_json(shown["payload"])))
    if isinstance(shown.get("env"), list):
        shown["env"] = [_variable(each) for each in shown["env"]]
    if isinstance(shown.get("run"), dict):
        shown["run"] = _without_shapes(shown["run"])
    return shown


def _variable(entry: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("value"), str):
        return entry
    secret = entry["value"] and looks_secret(str(entry.get("name", "")))
    return {**entry, "value": MASK if secret else without_shapes(entry["value"])}


def _without_shapes(value: Any) -> Any:
    if isinstance(value, str):
        return without_shapes(value)
    if isinstance(value, dict):
        return {name: _without_shapes(part) for name, part in value.items()}
    return [_without_shapes(part) for part in value] if isinstance(value, list) else value


async def shown_aside(runs: Sequence[Run], show: Callable[[], T]) -> T:
    """What ``show`` makes of ``runs``; in a thread when there is much to look through."""
    size = sum(len(run.payload) + len(run.result or "") for run in runs)
    return show() if size < LARGE else await asyncio.to_thread(show)


def asked_for(run: Run, name: str, email: str) -> bool:
    """Whether this person asked for the run, and may have its result as it is."""
    who = run.requester
    return who.trigger in _ASKED_FOR and (who.name, who.email) == (name, email)


# ------------------------------------------------------------ what comes back


def unmasked(typed: str, original: str) -> str:
    """What was typed over the masked ``original``, with what its masks stand for. Raises InvalidInput when
    that cannot be told."""
    if masked_json(original) is original or MASK not in typed:
        return typed
    if _same(typed, masked_json(original)):
        return original
    whole = _with_members(typed.encode(), original.encode())
    if MASK in whole and MASK not in original:
        raise _unclear(f"holds {MASK}, where a value was masked")
    return whole


def _same(one: str, other: str) -> bool:
    return bool(parse_json(one) == parse_json(other))


def _with_members(typed: bytes, original: bytes) -> str:
    """Masked members get the values that members of that name have in the original, in order."""
    now, before = _by_name(typed), _by_name(original)
    values: dict[Member, bytes] = {}
    for name, members in now.items():
        masked = [typed[m.start : m.end] == _QUOTED_MASK for m in members]
        if any(masked) and len(members) != len(before.get(name, ())):
            raise _unclear(f"has masked values named {name:.80}, but not as many as there were")
        for member, source, is_masked in zip(members, before.get(name, ()), masked, strict=False):
            if is_masked:
                values[member] = original[source.start : source.end]
    for member in sorted(values, key=lambda each: -each.start):
        typed = replaced(typed, [(member.start, member.end)], values[member])
    return typed.decode()


_QUOTED_MASK = f'"{MASK}"'.encode()


def _by_name(text: bytes) -> dict[str, list[Member]]:
    members = sorted(secret_members(text), key=lambda member: (member.name, member.start))
    return {name: list(found) for name, found in groupby(members, key=lambda member: member.name)}


def _unclear(what: str) -> InvalidInput:
    message = f"{what}; write the values themselves, or leave the payload as it was"
    return InvalidInput(f"the payload {message}", (Problem("payload", message),))
