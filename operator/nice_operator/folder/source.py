"""The watched folder: a change of a file is a change of its tasks, well within a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from watchfiles import awatch

from nice_operator.domain.errors import Problem
from nice_operator.folder.applier import SETTLE_SECONDS, Applier
from nice_operator.folder.catalogue import catalogue_of
from nice_operator.folder.files import is_watched
from nice_operator.folder.report import FolderReport, file_reports
from nice_operator.folder.shelf import Shelf
from nice_operator.folder.sink import TaskSink
from nice_operator.ports import BrokenFile

_log = logging.getLogger(__name__)

QUIET_MILLISECONDS = 50
"""Changes that follow each other this closely are one, for DEBOUNCE at the longest."""
DEBOUNCE_MILLISECONDS = 300
LOOK_MILLISECONDS = 1000
"""How often to look without having been told: not every file system tells."""


class FolderSource:
    """Keeps the tasks of ``sink`` that come from a folder equal to the files of ``directory``."""

    def __init__(
        self, directory: Path, sink: TaskSink, *, on_report: Callable[[FolderReport], None] | None = None
    ) -> None:
        """``on_report`` hears each report that differs from the one before."""
        self._directory = directory
        self._on_report = on_report
        self._shelf = Shelf(directory)
        self._applier = Applier(sink, lambda: asyncio.get_running_loop().time())
        self._stop = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.report = FolderReport()

    async def start(self) -> None:
        """Bring the sink up to date, then watch. Raises NiceError when the sink does not answer."""
        await self._applier.recall()
        await self._refresh(settle=0)
        self._watching = asyncio.create_task(self._watch(), name="folder")

    async def stop(self) -> None:
        """End watching; what is being applied is finished first."""
        self._stop.set()
        if self._watching is not None:
            await self._watching

    def broken(self) -> Sequence[BrokenFile]:
        """The files with problems; the last good versions of their tasks go on."""
        whole = [BrokenFile("", (Problem("", self.report.problem),))] if self.report.problem else []
        return [*whole, *(BrokenFile(file.path, file.problems) for file in self.report.broken)]

    async def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                await self._follow()
            except OSError as error:
                self._report_absence(error)
            except Exception:
                _log.exception("the folder %s could not be followed; trying again", self._directory)
            await self._pause(LOOK_MILLISECONDS / 1000)

    async def _follow(self) -> None:
        """Until stopped. What changes during a refresh is collected and comes next."""
        changes = awatch(
            self._directory,
            watch_filter=lambda _, path: is_watched(self._directory, Path(path)),
            debounce=DEBOUNCE_MILLISECONDS,
            step=QUIET_MILLISECONDS,
            stop_event=self._stop,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
        )
        async with aclosing(changes):
            async for touched in changes:
                await self._refresh({Path(path) for _, path in touched})

    async def _refresh(self, touched: Collection[Path] = (), settle: float = SETTLE_SECONDS) -> None:
        """Read and apply, and again as long as tasks are missing that may be about to come back."""
        while await self._look_and_apply(touched, settle) and not self._stop.is_set():
            await self._pause(SETTLE_SECONDS)
            touched = ()

    async def _look_and_apply(self, touched: Collection[Path], settle: float) -> bool:
        try:
            readings = await asyncio.to_thread(self._shelf.look, touched)
        except OSError as error:
            self._report_absence(error)
            return False
        catalogue = catalogue_of(readings)
        applied = await self._applier.apply(catalogue, settle=settle)
        problems = {path: list(found) for path, found in catalogue.problems.items()}
        for path, found in applied.problems.items():
            problems.setdefault(path, []).extend(found)
        self._publish(FolderReport(file_reports(readings, problems)))
        return applied.unsettled

    def _report_absence(self, error: OSError) -> None:
        """A folder that is not there says nothing about its tasks: all of them stay."""
        reason = (error.strerror or str(error)).lower()
        where = error.filename or self._directory
        self._publish(
            FolderReport(
                self.report.files,
                f"the folder {where} cannot be read ({reason}); all tasks stay as they were; "
                "put it back or make it readable",
            )
        )

    def _publish(self, report: FolderReport) -> None:
        """Each new problem is logged once."""
        if report == self.report:
            return
        said = set(_sentences(self.report))
        for sentence in _sentences(report):
            if sentence not in said:
                _log.warning("%s", sentence)
        for path in _mended(self.report, report):
            _log.info("%s is good again", path)
        self.report = report
        if self._on_report is not None:
            self._on_report(report)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not past a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


def _mended(before: FolderReport, now: FolderReport) -> list[str]:
    """Files that were broken and are not any more; one that is gone was not mended."""
    was = {file.path for file in before.broken}
    return [file.path for file in now.files if file.path in was and not file.problems]


def _sentences(report: FolderReport) -> list[str]:
    found = [f"{file.path}: {problem}" for file in report.broken for problem in file.problems]
    return [report.problem, *found] if report.problem else found
