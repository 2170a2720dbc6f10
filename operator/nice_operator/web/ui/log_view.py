"""The log on a run's page: a first part rendered with the page, and the rest as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.run import Attempt, LogSummary, Run
from nice_operator.engine.service import Engine
from nice_operator.ports import LogChunk
from nice_operator.web.follow import Position, follow_attempts
from nice_operator.web.logformat import reader_of
from nice_operator.web.loglines import Line, Parts, StyledLine, Styler, lines_of
from nice_operator.web.sse import Event

TAIL = 1000
"""Lines rendered with the page."""
MAX_EVENT_LINES = 2000
"""Lines of one event; of a larger chunk the page shows the end, and says what it left out."""
FIRST_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A styled line, and the words about the gap before it, if lines were dropped there."""

    styled: StyledLine
    gap_before: str

    @property
    def line(self) -> Line:
        """The line itself."""
        return self.styled.line

    @property
    def segments(self) -> tuple[Any, ...]:
        """Its pieces."""
        return self.styled.segments


@dataclass(frozen=True, slots=True)
class LogView:
    """``end`` is the number of the last line shown (or skipped over); ``more``: there are later ones.
    ``problem``: why no line can be shown now."""

    lines: Sequence[ShownLine]
    start: int
    end: int
    more: bool
    problem: str = ""


async def read_log(
    engine: Engine, run: Run, attempt: int, summary: LogSummary | None, after: int | None
) -> LogView:
    """The last lines of an ended log, the first ones of a live one, or those after a line asked for. Where
    they are kept may be away while everything else that the page shows is there."""
    begin = after if after is not None else max(0, summary.lines - TAIL) if summary else 0
    try:
        chunks = await engine.logs.read(run.id, attempt, begin, FIRST_BYTES)
    except Unavailable as away:
        return LogView((), begin + 1, begin, more=True, problem=str(away))
    lines = [line for chunk in chunks for line in lines_of(chunk, begin)][:TAIL]
    styler = await styler_of(engine, run)
    shown = _style(lines, summary.gaps if summary else (), begin, styler)
    end = lines[-1].number if lines else begin
    last = max(chunks[-1].last if chunks else 0, summary.lines if summary else 0)
    return LogView(shown, lines[0].number if lines else 1, end, last > end)


async def styler_of(engine: Engine, run: Run) -> Styler:
    """For one attempt of ``run``, its lines read as the task says."""
    return Styler(parts=Parts(reader_of(await engine.runs.manifest_of(run))))


def _style(
    lines: Sequence[Line], gaps: Sequence[tuple[int, int]], begin: int, styler: Styler
) -> list[ShownLine]:
    shown: list[ShownLine] = []
    before = begin
    for line in lines:
        dropped = [gap for gap in gaps if before < gap[0] and gap[1] < line.number]
        shown.append(ShownLine(styler.style(line), " ".join(map(gap_words, dropped))))
        before = line.number
    return shown


def gap_words(gap: tuple[int, int]) -> str:
    """Names a gap."""
    first, last = gap
    return f"Line {first} was dropped." if first == last else f"Lines {first} to {last} were dropped."


def completeness(summary: LogSummary | None, final: bool) -> str:
    """Whether the log is all there."""
    if summary is None:
        return "No log was reported." if final else "live"
    count = "1 line" if summary.lines == 1 else f"{summary.lines:,} lines"
    if summary.complete and not summary.gaps:
        return f"complete, {count}" if summary.lines else "complete, nothing written"
    words = " ".join(map(gap_words, summary.gaps))
    return f"incomplete, {count}. {words or 'Its end may be missing.'}".strip()


def summary_of(run: Run, attempts: Sequence[Attempt], number: int) -> LogSummary | None:
    """The log summary of one attempt."""
    own = next((a.log for a in attempts if a.number == number and not a.stale), None)
    return own or (run.log if number == run.attempt else None)


async def live_events(engine: Engine, run: Run, start: Position, *, pinned: bool) -> AsyncGenerator[Event]:
    """``lines`` as they come, then ``end`` with the words about completeness."""
    styler, number = await styler_of(engine, run), start.attempt
    async for attempt, chunk in follow_attempts(engine, run.id, start, pinned=pinned):
        begin = start.line if attempt == start.attempt else 0
        documents = _line_documents(chunk, styler, begin)
        if attempt != number:
            styler, number = await styler_of(engine, run), attempt
            documents.insert(0, [0, "gap", f"Attempt {attempt}"])
        yield Event("lines", documents, str(Position(attempt, chunk.last)))
    run = await engine.runs.get(run.id)
    summary = summary_of(run, await engine.runs.attempts(run.id), number)
    yield Event("end", {"words": completeness(summary, run.state.final)})


def _line_documents(chunk: LogChunk, styler: Styler, after: int) -> list[Any]:
    """``[number, stream, [[text, classes], …]]`` for each line, the pieces becoming text nodes."""
    lines = list(lines_of(chunk, after))
    documents: list[Any] = []
    if len(lines) > MAX_EVENT_LINES:
        left_out = (lines[0].number, lines[-MAX_EVENT_LINES].number - 1)
        words = f"Lines {left_out[0]} to {left_out[1]} came too fast to show; they are in the download."
        documents.append([left_out[0], "gap", words])
    for line in lines[-MAX_EVENT_LINES:]:
        pieces = styler.style(line).segments
        documents.append([line.number, line.stream, [[p.text, p.style.classes] for p in pieces]])
    return documents
