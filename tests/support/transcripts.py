"""Conversations as text, replayed against a server: see tests/golden/README.md for how they are written."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from yarl import URL

from tests.support.workman import WITHIN, Peer, WorkmanServer

_STEP = re.compile(
    r"(?P<who>[\w-]+) (?P<verb>->|<-|=>|<=|opens|closes|is closed with|binary->) ?(?P<text>.*)"
)
_SETTING = re.compile(r"(?P<verb>setting|task) (?P<name>\S+) (?P<text>.*)")
_MACRO = re.compile(r"\{\{(.)\*(\d+)\}\}")
_HOLE = re.compile(r"<<(\w+)>>")


@dataclass
class Step:
    """One line, and the indented ones below it."""

    line: int
    who: str
    verb: str
    text: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None


@dataclass
class Transcript:
    """What is set before the first step, and the steps."""

    settings: dict[str, Any]
    tasks: dict[str, dict[str, Any]]
    steps: list[Step]


def read_transcript(path: Path) -> Transcript:
    """The transcript in a file."""
    found = Transcript({}, {}, [])
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = _MACRO.sub(lambda macro: macro[1] * int(macro[2]), line)
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("  "):
            _add_detail(found.steps[-1], text[2:])
        elif setting := _SETTING.fullmatch(text):
            where = found.settings if setting["verb"] == "setting" else found.tasks
            where[setting["name"]] = json.loads(setting["text"])
        else:
            step = _STEP.fullmatch(text)
            assert step, f"{path.name}:{number}: not a step: {line}"
            found.steps.append(Step(number, step["who"], step["verb"], step["text"]))
    return found


def _add_detail(step: Step, text: str) -> None:
    if text.startswith("|"):
        step.body = text.removeprefix("|").removeprefix(" ")
    else:
        name, _, value = text.partition(": ")
        step.headers.append((name, value))


class Replay:
    """Carries out a transcript's steps."""

    def __init__(self, server: WorkmanServer) -> None:
        self._server = server
        self._peers: dict[str, Peer] = {}
        self._asking: dict[str, asyncio.Task[ClientResponse]] = {}
        self._known: dict[str, str] = {}

    async def run(self, transcript: Transcript) -> None:
        """All of it; an AssertionError names the line that went otherwise."""
        for name, spec in transcript.tasks.items():
            await self._server.define(name, **spec)
        for step in transcript.steps:
            try:
                await self._carry_out(step)
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"line {step.line}: {step.who} {step.verb} …: {error!r}") from error
        assert not self._asking, f"nobody heard what {list(self._asking)} was answered"

    async def _carry_out(self, step: Step) -> None:
        match step.verb:
            case "opens":
                path, *offers = step.text.split()
                self._peers[step.who] = peer = await self._server.open(path, compress=15 if offers else 0)
                assert peer.socket.compress == 0, "compression was agreed on"
            case "closes":
                await self._peers[step.who].close()
            case "is closed with":
                assert await self._peers[step.who].ended() == int(step.text)
            case "->":
                await self._peers[step.who].say(self._filled(step.text))
            case "binary->":
                await self._peers[step.who].socket.send_bytes(bytes.fromhex(step.text))
            case "<-":
                self._expect(step.text, await self._peers[step.who].hear())
            case "=>":
                self._asking[step.who] = asyncio.create_task(self._request(step))
                await asyncio.sleep(0)
            case "<=":
                await self._check_answer(step, await asyncio.wait_for(self._asking.pop(step.who), WITHIN))

    async def _request(self, step: Step) -> ClientResponse:
        method, path = self._filled(step.text).split(" ", 1)
        url = URL(f"{self._server.client.make_url('')}".rstrip("/") + path, encoded=True)
        body = None if step.body is None else BytesIO(self._filled(step.body).encode())
        headers = dict(step.headers)
        return await self._server.client.session.request(method, url, data=body, headers=headers)

    async def _check_answer(self, step: Step, answer: ClientResponse) -> None:
        text = await answer.text()
        assert answer.status == int(step.text), (answer.status, text)
        for name, value in step.headers:
            if value == "-":
                assert name not in answer.headers, (name, answer.headers[name])
            else:
                self._expect(value, answer.headers.get(name, "(absent)"))
        if step.body is not None:
            self._expect(step.body, text)

    def _filled(self, text: str) -> str:
        return _HOLE.sub(lambda hole: self._known[hole[1]], text)

    def _expect(self, pattern: str, found: str) -> None:
        """The same, but for holes: the first use of one takes what is there, the next ones must repeat it."""
        literal, *rest = _HOLE.split(pattern)
        at = self._same(literal, found, 0)
        for name, following in zip(rest[::2], rest[1::2], strict=True):
            at = self._fill(name, following, found, at)
            at = self._same(following, found, at)
        assert at == len(found), f"more than expected: {found[at : at + 200]!r}"

    def _same(self, literal: str, found: str, at: int) -> int:
        assert found.startswith(literal, at), f"expected {literal[:300]!r}, found {found[at : at + 300]!r}"
        return at + len(literal)

    def _fill(self, name: str, following: str, found: str, at: int) -> int:
        """The end of what a hole stands for; ``following`` is the text after it."""
        if name in self._known:
            return self._same(self._known[name], found, at)
        end = found.find(following, at) if following else len(found)
        assert end >= at, f"expected {following[:300]!r} somewhere in {found[at : at + 300]!r}"
        if name != "any":
            self._known[name] = found[at:end]
        return end
