"""The log of one attempt into its stream: from files on disk to events that are stored. Everything here waits
for the disk or the network."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from nice_protocol.messages import LogEnd
from nice_runner.logs.cloudwatch.batches import batches, in_order
from nice_runner.logs.cloudwatch.events import Event, end_of, events_of
from nice_runner.logs.cloudwatch.trouble import Denied, Missing, Rejected, Trouble
from nice_runner.logs.gaps import Gaps
from nice_runner.logs.ring import Stretch

MOST_REJECTED = 16
"""Events of one stream that are refused for themselves before the whole stream is given up: each costs some
fourteen calls to find."""


class Cloud(Protocol):
    """``client.CloudWatch``."""

    def prepare(self, stream: str) -> None: ...

    def put(self, stream: str, batch: Sequence[Event]) -> Sequence[Event]: ...


@dataclass(frozen=True)
class Carried:
    """How far in its file a stretch was stored, and what came in the way."""

    end: int
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Farewell:
    """The end of a log that was carried whole: what it is, which lines never got as far as its stream, and
    whether a later life of the worker says it."""

    end: LogEnd
    missing: Gaps
    cut: bool


class Delivery:
    """What is known of one log on its way; it goes from process to process (``courier``).

    ``missing``: lines that were sent and are not in the stream; ``why`` in words. ``stored``: the last line
    that was dealt with. ``noted``: the end of the log, as it was found among its records.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.missing = Gaps()
        self.why = ""
        self.stored = 0
        self.noted: LogEnd | None = None
        self._prepared = False
        self._newest = 0
        self._rejected = 0

    def carry(self, cloud: Cloud, stretch: Stretch) -> Carried:
        """Store all that it holds, as far as that is possible. Raises OSError when it cannot be read."""
        done = stretch.begin
        try:
            for batch, end in self._planned(stretch):
                self._deliver(cloud, batch)
                done = end or done
        except Trouble as trouble:
            return Carried(done, trouble)
        return Carried(stretch.end)

    def finish(self, cloud: Cloud, last: Farewell) -> Carried:
        """Store the end of the log."""
        known, end = None, last.end
        try:
            while self.missing.ranges() != known:  # the stream may be found deleted just now
                known = self.missing.ranges()
                now = max(time.time_ns() // 1_000_000, self._newest)
                said = LogEnd(end.lines, end.complete, end.gaps, end.why or self.why)
                missing = last.missing.also(self.missing)
                self._deliver(cloud, [end_of(said, missing, at=now, cut=last.cut)])
        except Trouble as trouble:
            return Carried(0, trouble)
        return Carried(0)

    def _planned(self, stretch: Stretch) -> Iterator[tuple[list[Event], int]]:
        """Batches, each with the place up to which everything is stored once it is; 0 when that is where the
        one before left it: a record may need several."""
        ends: deque[tuple[int, int]] = deque()
        planned = 0
        for batch in batches(in_order(self._events(stretch, ends), self._newest)):
            planned += len(batch)
            end = 0
            while ends and ends[0][0] <= planned:
                end = ends.popleft()[1]
            yield batch, end

    def _events(self, stretch: Stretch, ends: deque[tuple[int, int]]) -> Iterator[Event]:
        """``ends`` gets, for each record, how many events came up to its end, and where that is."""
        count = 0
        for record in stretch.records():
            if record.lines is None:
                self._note(record.note)
                continue
            for event in events_of(record.lines):
                count += 1
                yield event
            ends.append((count, record.end))

    def _note(self, note: dict[str, object]) -> None:
        match note:
            case {"end": int(lines), "complete": bool(complete), "gaps": list(gaps), "why": str(why)}:
                self.noted = LogEnd(lines, complete, gaps, why)

    def _deliver(self, cloud: Cloud, batch: list[Event]) -> None:
        self._prepare(cloud)
        try:
            refused = self._put(cloud, batch)
        except Rejected as rejected:
            refused = self._halves(cloud, batch, rejected)
        if refused and not self.why:
            self.why = f"CloudWatch refused {len(refused)} events as too old or too new"
        for event in refused:
            self.missing.add(event.line, event.line)
        self.stored = max(self.stored, batch[-1].line)
        self._newest = batch[-1].timestamp

    def _put(self, cloud: Cloud, batch: Sequence[Event]) -> Sequence[Event]:
        """Raises Trouble, but not Missing."""
        try:
            return cloud.put(self.stream, batch)
        except Missing:
            self._gone()
        self._prepare(cloud)
        try:
            return cloud.put(self.stream, batch)
        except Missing as missing:
            self._prepared = False
            raise _vanished(missing) from missing

    def _prepare(self, cloud: Cloud) -> None:
        """Make the stream unless it was. Raises Trouble, but not Missing."""
        if self._prepared:
            return
        try:
            cloud.prepare(self.stream)
        except Missing as missing:
            raise _vanished(missing) from missing
        self._prepared = True

    def _gone(self) -> None:
        """Somebody deleted stream or group, and what was in it."""
        self._prepared = False
        if self.stored:
            self.missing.add(1, self.stored)
            self.why = f"the stream was deleted when line {self.stored} had been stored"

    def _halves(self, cloud: Cloud, batch: Sequence[Event], rejected: Rejected) -> Sequence[Event]:
        """Find what is wrong with it: one bad event must not cost the others."""
        if len(batch) == 1:
            self._rejected += 1
            if self._rejected >= MOST_REJECTED:
                raise rejected
            self.why = f"CloudWatch refused an event: {rejected}"
            return batch
        middle = len(batch) // 2
        refused: list[Event] = []
        for half in (batch[:middle], batch[middle:]):
            try:
                refused += self._put(cloud, half)
            except Rejected as again:
                refused += self._halves(cloud, half, again)
        return refused


def _vanished(missing: Missing) -> Denied:
    """Making it again and again would not help."""
    return Denied(f"a stream that was just made is not there: {missing}")
