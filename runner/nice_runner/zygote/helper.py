"""A helper: a process that has loaded a task's module and answers questions about it. It never calls ``run``.

Questions come on the job's pipe, answers go to the result channel; both are JSON objects, one on a line:

``{"ask": "should_host_run"}`` → ``{"yes": true}`` or ``{"yes": false, "why": "…"}``
``{"ask": "serialize_log_event", "events": [{"timestamp", "message", "stream"}, …]}`` →
``{"texts": ["…", null, …]}``; null stands for an event that the function had no text for, and ``why`` says
of the first one why. It ends when there are no more questions.
"""

from __future__ import annotations

import json
import os
from typing import IO, Any, Dict, List, Optional, Tuple

from . import failures
from .loading import Job, load_module

MAX_TEXT = 64 * 1024
"""Characters of one event's text; a longer one is none."""

HOST, LOG = "should_host_run", "serialize_log_event"

Message = Dict[str, Any]


def answer_questions(job: Job, questions: IO[bytes], answers: int) -> int:
    """Answer until the pipe ends. Returns the exit code."""
    module, trouble = _loaded(job)
    for line in questions:
        question = json.loads(line)
        if question["ask"] == HOST:
            answer = _should_host_run(module)
        else:
            answer = _serialize(module, trouble, question["events"])
        _write(answers, answer)
    return 0


def _loaded(job: Job) -> Tuple[Any, str]:
    try:
        return load_module(job), ""
    except BaseException as error:
        return None, f"the module could not be loaded: {_words(error)}"


def _should_host_run(module: Any) -> Message:
    """A module that cannot be loaded is for the run to fail by: it tells its error better than we could."""
    ask = getattr(module, HOST, None)
    if ask is None:
        return {"yes": True}
    try:
        answer = _awaited(ask())
        return {"yes": True} if answer else {"yes": False, "why": f"it returned {failures.text_of(answer)}"}
    except BaseException as error:
        return {"yes": False, "why": f"it raised {_words(error)}"}


def _awaited(value: Any) -> Any:
    if not hasattr(value, "__await__"):
        return value
    import asyncio  # only now: most modules need none

    async def outcome() -> Any:
        return await value

    return asyncio.run(outcome())


def _serialize(module: Any, trouble: str, events: List[Message]) -> Message:
    serialize = getattr(module, LOG, None)
    if serialize is None:
        return {"texts": [None] * len(events), "why": trouble or f"the module defines no {LOG}(event)"}
    texts: List[Optional[str]] = []
    why = ""
    for event in events:
        text, reason = _text_of(serialize, event)
        texts.append(text)
        why = why or reason
    return {"texts": texts, "why": why}


def _text_of(serialize: Any, event: Message) -> Tuple[Optional[str], str]:
    try:
        text = serialize(event)
    except BaseException as error:
        return None, f"it raised {_words(error)}"
    if not isinstance(text, str):
        return None, f"it returned {type(text).__name__}; expected str"
    if len(text) > MAX_TEXT:
        return None, f"it returned {len(text)} characters; at most {MAX_TEXT} are shown"
    return text.encode("utf-8", "replace").decode(), ""


def _words(error: BaseException) -> str:
    return f"{failures.type_name(error)}: {failures.text_of(error)}"


def _write(descriptor: int, message: Message) -> None:
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]
