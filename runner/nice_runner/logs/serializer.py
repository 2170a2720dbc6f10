"""The text that a task's own ``serialize_log_event`` has for its lines, asked for in a helper process.

The lines themselves are never changed. They wait here for their text, in order, and go on without it when the
function is absent, fails, answers too late or is slower than the log: a log is late by seconds at most, and
complete in any case.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from nice_protocol.messages import LogLines

FIRST_ANSWER_SECONDS = 10.0
"""The first answer has to wait for the module and all that it imports."""

ANSWER_SECONDS = 2.0

MAX_WAITING = 4 * 1024 * 1024
"""Characters of lines that wait; with more the function is given up."""

BATCH = 256 * 1024
"""Characters of lines in one question, about."""

MAX_SHOWN = 512 * 1024
"""Characters of text for one chunk; with more the chunk goes without."""

NAME = "serialize_log_event"


class Conversation(Protocol):
    """A helper process: ``process.helper.Helper``."""

    def ask(self, question: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


OpenHelper = Callable[[Callable[[dict[str, Any]], None], Callable[[], None]], Conversation]
"""Start a helper for the task: what takes its answers, what hears of its end."""


class Serializer:
    """Give it chunks by ``take``; ``deliver`` gets each once, in order, and ``complain`` a sentence at most
    once for each kind of trouble."""

    def __init__(
        self, open_helper: OpenHelper, deliver: Callable[[LogLines], None], complain: Callable[[str], None]
    ) -> None:
        self._open_helper = open_helper
        self._deliver = deliver
        self._complain = complain
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[LogLines] = deque()
        self._asked: list[LogLines] = []
        self._size = 0
        self._helper: Conversation | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._patience = FIRST_ANSWER_SECONDS
        self._given_up = False
        self._complained = False
        self._unfinished: set[str] = set()
        self._done: Callable[[], None] | None = None

    def take(self, chunk: LogLines) -> None:
        """The next lines."""
        self._waiting.append(chunk)
        self._size += len(chunk.text)
        if self._size > MAX_WAITING:
            self._give_up(f"{NAME} is slower than the log")
        self._proceed()

    def finish(self, done: Callable[[], None]) -> None:
        """Nothing more comes; ``done`` is called when everything is delivered."""
        self._done = done
        self._proceed()

    def close(self) -> None:
        """Nobody wants the lines any more."""
        self._given_up, self._done = True, None
        self._waiting.clear()
        self._asked.clear()
        self._end_helper()

    def _proceed(self) -> None:
        """Deliver what needs no answer, ask about what does, and finish when nothing is left."""
        while self._waiting and not self._asked and not self._wants_text(self._waiting[0]):
            self._pass_on(self._waiting.popleft(), None)
        if self._waiting and not self._asked:
            self._ask()
        elif self._done is not None and not self._asked:
            done, self._done = self._done, None
            self._end_helper()
            done()

    def _wants_text(self, chunk: LogLines) -> bool:
        """Parts of a line that is too long are no events, nor are our own words."""
        continues = chunk.stream in self._unfinished
        whole = chunk.text.endswith("\n")
        return not self._given_up and chunk.stream != "system" and whole and not continues

    def _ask(self) -> None:
        size = 0
        while self._waiting and size < BATCH and self._wants_text(self._waiting[0]):
            chunk = self._waiting.popleft()
            size += len(chunk.text)
            self._asked.append(chunk)
        if self._helper is None:
            self._helper = self._open_helper(self._answered, self._helper_ended)
        self._timer = self._loop.call_later(self._patience, self._late)
        self._helper.ask({"ask": NAME, "events": [event for c in self._asked for event in _events(c)]})

    def _answered(self, answer: dict[str, Any]) -> None:
        asked, self._asked = self._asked, []
        self._patience = ANSWER_SECONDS
        self._stop_timer()
        if answer.get("why") and not self._complained:
            self._complained = True
            self._say(f"{NAME}: {str(answer['why'])[:1000]}")
        texts = answer.get("texts")
        rest = iter(texts if isinstance(texts, list) else [])
        for chunk in asked:
            self._pass_on(chunk, [next(rest, None) for _ in range(chunk.lines)])
        self._proceed()

    def _late(self) -> None:
        self._give_up(f"{NAME} gave no answer within {self._patience:g} s")
        self._proceed()

    def _helper_ended(self) -> None:
        self._helper = None
        if self._asked:
            self._give_up(f"the process of {NAME} ended by itself")
            self._proceed()

    def _give_up(self, why: str) -> None:
        if not self._given_up:
            self._given_up = True
            asked, self._asked = self._asked, []
            for chunk in asked:
                self._pass_on(chunk, None)
            self._end_helper()
            self._say(why)

    def _say(self, why: str) -> None:
        self._complain(f"{why}; lines without its text are shown as they were written")

    def _pass_on(self, chunk: LogLines, texts: Sequence[object] | None) -> None:
        self._size -= len(chunk.text)
        (self._unfinished.discard if chunk.text.endswith("\n") else self._unfinished.add)(chunk.stream)
        self._deliver(chunk if texts is None else replace(chunk, shown=_shown(chunk, texts)))

    def _end_helper(self) -> None:
        self._stop_timer()
        helper, self._helper = self._helper, None
        if helper is not None:
            self._loop.call_soon(helper.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _lines(chunk: LogLines) -> list[str]:
    return chunk.text[:-1].split("\n")


def _events(chunk: LogLines) -> list[dict[str, Any]]:
    at = chunk.at // 1000
    return [{"timestamp": at, "message": line, "stream": chunk.stream} for line in _lines(chunk)]


def _shown(chunk: LogLines, texts: Sequence[object]) -> list[str] | None:
    """One text for each line: the function's, or the line where it had none."""
    shown = [text if isinstance(text, str) else line for text, line in zip(texts, _lines(chunk), strict=True)]
    same = all(text is None for text in texts)
    return None if same or sum(map(len, shown)) > MAX_SHOWN else shown
