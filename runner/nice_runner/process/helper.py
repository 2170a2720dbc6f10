"""A helper process seen from the supervisor: questions in, answers out, its end."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import orjson

from nice_runner.process.pipes import PipeReader, PipeWriter
from nice_runner.process.zygote import Zygote
from nice_runner.zygote.channel import Channel

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of one answer; a helper that says more is ended."""

Answer = dict[str, Any]


class Helper:
    """Forked by the zygote and held by a keeper, as a run is; ended with all it started after ``lifetime``
    seconds at most.

    ``on_answer`` is called with each answer, ``on_end`` once, when no further answer can come.
    """

    def __init__(
        self,
        zygote: Zygote,
        job: bytes,
        lifetime: float,
        on_answer: Callable[[Answer], None],
        on_end: Callable[[], None],
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._rest = b""
        self._over = False
        job_reader, job_writer = os.pipe()
        answers, answers_end = os.pipe()
        self._control, control = _control_pair()
        nowhere = [os.open(os.devnull, os.O_WRONLY) for _ in ("stdout", "stderr")]
        zygote.fork([control, job_reader, *nowhere, answers_end])
        self._questions = PipeWriter(job_writer, job + b"\n", more=True)
        self._answers = PipeReader(answers, self._take, self.close)
        self._control.send({"type": "go", "timeout": lifetime, "grace": 0})

    def ask(self, question: dict[str, Any]) -> None:
        """The answer, if it comes, comes to ``on_answer``, in the order of the questions."""
        self._questions.feed(orjson.dumps(question) + b"\n")

    def close(self) -> None:
        """End it. Its keeper, whose supervisor is gone now, sees to that."""
        if self._over:
            return
        self._over = True
        self._questions.close()
        self._answers.close()
        self._control.close()
        self._on_end()

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            answer = _read(line)
            if answer is None:
                asyncio.get_running_loop().call_soon(self.close)
                return
            self._on_answer(answer)
        if len(self._rest) > MAX_ANSWER:
            asyncio.get_running_loop().call_soon(self.close)


def _control_pair() -> tuple[Channel, int]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return Channel(ours), theirs.detach()


def _read(line: bytes) -> Answer | None:
    """User code may write there too: what is no answer ends the conversation."""
    try:
        answer = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
