"""Whether this worker is one for a task: what its ``should_host_run()`` says, believed for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from nice_protocol.messages import Assign
from nice_runner.supervisor.hooks import SHOULD_HOST_RUN, may_define

BELIEVED_SECONDS = 60.0
"""How long an answer holds for one version of a task."""

ASK_SECONDS = 5.0
"""How long the function may take. What gives no answer in this time counts as a no."""

MAX_WHY = 1000
"""Characters of a refusal's reason."""

MAX_KNOWN = 10_000
"""Answers that are kept; beyond them, all are asked for anew."""

Reply = Callable[[str | None], None]
"""Called with None (it may run here) or with why it may not."""


class Conversation(Protocol):
    """A helper process: ``process.helper.Helper``."""

    def ask(self, question: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


OpenHelper = Callable[[Assign, float, Callable[[dict[str, Any]], None], Callable[[], None]], Conversation]
"""Start a helper for a task: its lifetime in seconds, what takes its answers, what hears of its end."""


@dataclass
class _Question:
    """One version of a task, being asked about. ``answer`` is as for Reply, and empty until there is one."""

    asked_at: float
    replies: list[Reply]
    answer: str | None = ""


class Eligibility:
    """One question per version of a task at a time, in a helper of its own, and none for those that define
    no such function. ``mask`` takes secrets from the reasons for a no."""

    def __init__(
        self,
        open_helper: OpenHelper,
        task_path: str,
        clock: Callable[[], float],
        mask: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._open_helper = open_helper
        self._task_path = task_path
        self._clock = clock
        self._mask = mask
        self._known: dict[tuple[str, str, int], tuple[float, str | None]] = {}
        self._open: dict[tuple[str, str, int], _Question] = {}

    def ask(self, assign: Assign, reply: Reply) -> None:
        """``reply`` is called once: now if the answer is known, else within little more than ASK_SECONDS."""
        key = (assign.namespace, assign.task, assign.generation)
        if not may_define(assign.execution, SHOULD_HOST_RUN, self._task_path):
            reply(None)
        elif key in self._open:
            self._open[key].replies.append(reply)
        elif (known := self._believed(key)) is not None:
            reply(known[1])
        else:
            self._begin(key, assign, reply)

    def _believed(self, key: tuple[str, str, int]) -> tuple[float, str | None] | None:
        known = self._known.get(key)
        return known if known is not None and self._clock() < known[0] else None

    def _begin(self, key: tuple[str, str, int], assign: Assign, reply: Reply) -> None:
        question = self._open[key] = _Question(self._clock(), [reply])

        def answered(answer: dict[str, Any]) -> None:
            refusal = _refusal(answer)
            question.answer = None if refusal is None else self._mask(refusal)
            asyncio.get_running_loop().call_soon(helper.close)

        helper = self._open_helper(assign, ASK_SECONDS, answered, lambda: self._end(key))
        helper.ask({"ask": SHOULD_HOST_RUN})

    def _end(self, key: tuple[str, str, int]) -> None:
        question, now = self._open.pop(key), self._clock()
        if question.answer == "":
            question.answer = _no_answer(now - question.asked_at)
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[key] = (now + BELIEVED_SECONDS, question.answer)
        for reply in question.replies:
            reply(question.answer)


def _no_answer(seconds: float) -> str:
    if seconds < ASK_SECONDS:
        return f"{SHOULD_HOST_RUN}() ended its process without an answer"
    return f"{SHOULD_HOST_RUN}() gave no answer within {ASK_SECONDS:g} s"


def _refusal(answer: dict[str, Any]) -> str | None:
    if answer.get("yes") is True:
        return None
    return f"{SHOULD_HOST_RUN}() said no: {str(answer.get('why', ''))[:MAX_WHY]}"
