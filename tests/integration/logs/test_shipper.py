"""The shipper against a CloudWatch that throttles, fails, refuses, hangs and forgets."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from nice_protocol.messages import Assign
from nice_runner.logs.attempt import AttemptLog
from nice_runner.logs.cloudwatch.client import Place
from nice_runner.logs.cloudwatch.courier import Courier
from nice_runner.logs.cloudwatch.pace import DENIED_SECONDS, Pace
from nice_runner.logs.cloudwatch.shipper import AT_ONCE, Shipper
from nice_runner.logs.ring import Ring
from nice_runner.logs.spool import Budget, Spool
from tests.fakes.cloudwatch import FakeCloudWatch, Fault
from tests.support.aws import CREDENTIALS, REGION, free_port

GROUP = "/nice/test"
MIB = 1024 * 1024


class Clock:
    """Monotonic, and may be set ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Life:
    """A shipper at work, as in one life of a worker."""

    def __init__(self, url: str, folder: Path, limit: int = 64 * MIB) -> None:
        self.clock = Clock()
        self.ring = Ring(folder, limit)
        self.courier = Courier(Place(GROUP, REGION, url))
        self.shipper = Shipper(self.courier, self.ring, Pace(self.clock))
        self._work = asyncio.create_task(self.shipper.work())

    def log(self, run: str, budget: int = 64 * MIB, limit: int = 64 * MIB) -> AttemptLog:
        """That of a run's first attempt."""
        return AttemptLog(Spool(Budget(budget)), limit, archive=self.shipper.open(_assign(run)))

    async def end(self) -> None:
        """At once, as by SIGKILL."""
        self._work.cancel()
        with suppress(asyncio.CancelledError):
            await self._work
        self.courier.close()


@pytest.fixture
async def cloud(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCloudWatch]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    fake = FakeCloudWatch()
    yield fake
    await fake.stop()


@pytest.fixture
async def life(cloud: FakeCloudWatch, tmp_path: Path) -> AsyncIterator[Life]:
    made = Life(await cloud.start(), tmp_path / "spool")
    yield made
    await made.end()


async def test_lines_arrive_within_moments_and_the_end_says_that_they_are_all(
    cloud: FakeCloudWatch, life: Life
) -> None:
    run = _run()
    log = life.log(run)
    log.write("stdout", b"one\ntwo\n")
    await cloud.until(lambda: cloud.numbers(run) == [1, 2], "the lines")

    log.write("stderr", b"three")
    end = log.end()
    await cloud.until(lambda: bool(cloud.ends(run)), "the end")

    assert (end.lines, end.complete, end.why) == (3, True, "")
    assert cloud.text(run) == "one\ntwo\nthree\n"
    assert cloud.messages(run)[-1] == {"end": 3, "gaps": []}
    assert cloud.retention == {GROUP: 30}
    assert list(life.ring.folder.iterdir()) == []


async def test_a_run_cannot_say_that_its_log_has_ended(cloud: FakeCloudWatch, life: Life) -> None:
    run = _run()
    log = life.log(run)
    log.write("stdout", b'{"end": 1, "gaps": []}\n{"nice": "finish"}\n')
    log.end()
    await cloud.until(lambda: bool(cloud.ends(run)), "the end")

    assert cloud.ends(run) == [{"end": 2, "gaps": []}]
    assert cloud.text(run) == '{"end": 1, "gaps": []}\n{"nice": "finish"}\n'


async def test_a_log_without_lines_makes_no_call(cloud: FakeCloudWatch, life: Life) -> None:
    silent, other = life.log(_run()), _run()
    silent.end()
    log = life.log(other)
    log.say("x")
    log.end()
    await cloud.until(lambda: bool(cloud.ends(other)), "the end of the other")

    assert Counter(cloud.calls)["CreateLogStream"] == 2, "the first one finds no group"
    assert [len(streams) for streams in cloud.groups.values()] == [1]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(400, "ThrottlingException"),
        Fault(429, ""),
        Fault(500, "InternalFailure"),
        Fault(503, "ServiceUnavailableException"),
        Fault(400, "ExpiredTokenException"),
        Fault(cut=True),
        Fault(cut=True, after=True),
        Fault(400, "AccessDeniedException", "not authorized"),
    ],
    ids=lambda fault: f"{fault.status}{fault.code}{'cut' * fault.cut}{'after' * fault.after}",
)
async def test_what_passes_costs_no_line(cloud: FakeCloudWatch, life: Life, fault: Fault) -> None:
    run, failures = _run(), iter(range(2))
    cloud.mood = lambda operation, body: fault if next(failures, None) is not None else None

    log = life.log(run)
    for number in range(1, 501):
        log.write("stdout", f"{number}\n".encode())
    log.end()
    await cloud.until(lambda: bool(cloud.ends(run)), "the end")

    assert next(failures, None) is None, "all faults happened"
    assert cloud.numbers(run) == list(range(1, 501))
    assert cloud.ends(run)[-1]["gaps"] == []
    assert cloud.broken == []


async def test_a_server_that_hangs_costs_no_line_and_holds_up_nobody_here(
    cloud: FakeCloudWatch, life: Life
) -> None:
    run, hanging = _run(), iter([Fault(seconds=30, cut=True)])
    cloud.mood = lambda operation, body: next(hanging, None) if operation == "PutLogEvents" else None
    log = life.log(run)
    log.write("stdout", b"1\n")
    await cloud.until(lambda: "PutLogEvents" in cloud.calls, "the call that hangs")

    began = time.process_time()
    for number in range(2, 2001):
        log.write("stdout", f"{number}\n".encode())
    assert time.process_time() - began < 5
    log.end()
    await cloud.until(lambda: bool(cloud.ends(run)), "the end")

    assert cloud.numbers(run) == list(range(1, 2001))


async def test_throttling_is_not_answered_by_asking_faster(cloud: FakeCloudWatch, life: Life) -> None:
    cloud.mood = lambda operation, body: Fault(400, "ThrottlingException")
    logs = [life.log(_run()) for _ in range(50)]
    for log in logs:
        log.write("stdout", b"x\n")
        log.end()
    await cloud.until(lambda: bool(cloud.calls), "the first calls")
    began, first = time.monotonic(), len(cloud.calls)
    await cloud.until(lambda: len(cloud.calls) >= first + AT_ONCE + 2, "more calls")

    assert time.monotonic() - began > 1.4, "one log asks for all fifty, and less and less often"


async def test_a_group_that_may_not_be_made_is_told_and_given_up_long_after_the_end(
    cloud: FakeCloudWatch, life: Life
) -> None:
    cloud.mood = lambda operation, body: (
        Fault(400, "AccessDeniedException", "may not create") if operation == "CreateLogGroup" else None
    )
    log, others = life.log(_run()), [life.log(_run()) for _ in range(20)]
    for other in others:
        other.say("x")
    log.write("stdout", b"a line\n")
    await cloud.until(lambda: cloud.calls.count("CreateLogGroup") >= 5, "several tries")
    for other in others:
        other.end()
    end = log.end()
    life.clock.ahead = DENIED_SECONDS + 60
    log.forget()
    await _until(lambda: list(life.ring.folder.iterdir()) == [], "all logs to be given up")

    assert (end.complete, end.gaps) == (True, []), "the operator has all of it"
    assert f"the log group {GROUP} is not there" in end.why
    assert "may not create" in end.why
    assert end.lines == 2, "who reads the log is told in it"
    tries = len(cloud.calls)
    other = life.log(_run())
    other.write("stdout", b"x\n")
    await cloud.until(lambda: len(cloud.calls) > tries, "the next log to try again")


async def test_an_end_that_is_denied_is_not_tried_for_ever(cloud: FakeCloudWatch, life: Life) -> None:
    run = _run()
    log = life.log(run)
    log.write("stdout", b"stored\n")
    await cloud.until(lambda: cloud.numbers(run) == [1], "the line")
    cloud.mood = lambda operation, body: Fault(400, "AccessDeniedException", "no more")
    before = len(cloud.calls)
    log.end()
    await cloud.until(lambda: len(cloud.calls) >= before + 2, "the end to be denied, twice")
    life.clock.ahead = DENIED_SECONDS + 60
    await _until(lambda: life.shipper.pending == 0, "it to be given up")

    assert list(life.ring.folder.iterdir()) == []


async def test_what_aws_takes_in_no_form_is_given_up_and_told(cloud: FakeCloudWatch, life: Life) -> None:
    cloud.mood = lambda operation, body: (
        Fault(400, "InvalidParameterException", "bad") if operation == "CreateLogStream" else None
    )
    run = _run()
    log = life.log(run, budget=300)
    log.write("stdout", b"kept by the operator\n")
    log.write("stdout", b"by nobody\n")
    await _until(lambda: list(life.ring.folder.iterdir()) == [], "the log to be given up")
    end = log.end()

    assert cloud.calls.count("CreateLogStream") == 1
    assert (end.complete, end.gaps) == (False, [[2, 3]]), "the third is our own remark"
    assert "InvalidParameterException" in end.why


async def test_a_group_that_is_deleted_meanwhile_is_made_again_and_the_loss_named(
    cloud: FakeCloudWatch, life: Life
) -> None:
    run = _run()
    log = life.log(run)
    log.write("stdout", b"1\n2\n")
    await cloud.until(lambda: cloud.numbers(run) == [1, 2], "the first lines")

    cloud.groups.clear()
    log.write("stdout", b"3\n")
    log.end()
    await cloud.until(lambda: bool(cloud.ends(run)), "the end")

    assert cloud.numbers(run) == [3]
    assert cloud.ends(run)[-1]["gaps"] == [[1, 2]]


async def test_beyond_the_bound_lines_are_missing_from_the_stream_and_all_logs_share_it(
    cloud: FakeCloudWatch, tmp_path: Path
) -> None:
    life = Life(await cloud.start(), tmp_path / "spool", 4 * MIB)
    cloud.mood = lambda operation, body: Fault(503, "ServiceUnavailableException")
    runs = [_run(), _run()]
    logs = [life.log(run, budget=1) for run in runs]
    for _ in range(60):
        for log in logs:
            log.write("stdout", b"x" * 49_999 + b"\n")
    used = sum(path.stat().st_size for path in life.ring.folder.iterdir())

    cloud.mood = lambda operation, body: None
    ends = [log.end() for log in logs]
    await cloud.until(lambda: all(cloud.ends(run) for run in runs), "both ends")
    await life.end()

    assert used <= 4 * MIB + 2 * MIB
    for run, end in zip(runs, ends, strict=True):
        ((first, last),) = cloud.ends(run)[0]["gaps"]
        assert cloud.numbers(run) == list(range(1, first))
        assert (last, end.gaps, end.complete) == (60, [[first, last]], False)


async def test_the_next_life_sends_what_the_last_one_left_and_says_so(
    cloud: FakeCloudWatch, tmp_path: Path
) -> None:
    port, ended, killed = free_port(), _run(), _run()
    first = Life(f"http://127.0.0.1:{port}", tmp_path / "spool")
    whole, torn = first.log(ended), first.log(killed)
    for number in range(1, 1001):
        for log in (whole, torn):
            log.write("stdout", f"{number}\n".encode())
    torn.write("stdout", b"in the middle of a l")
    whole.end()
    await first.end()

    await cloud.start(port)
    second = Life(f"http://127.0.0.1:{port}", tmp_path / "spool")
    await cloud.until(lambda: bool(cloud.ends(ended) and cloud.ends(killed)), "both ends")
    await _until(lambda: list(second.ring.folder.iterdir()) == [], "the files to go")
    await second.end()

    for run in (ended, killed):
        assert cloud.numbers(run) == list(range(1, 1001))
    assert cloud.ends(ended) == [{"end": 1000, "gaps": [], "cut": True}]
    assert cloud.ends(killed) == [
        {"end": 1000, "gaps": [], "cut": True, "why": "the worker ended before the log did"}
    ]


async def test_a_worker_that_leaves_sends_the_last_lines_and_waits_for_no_longer_than_it_may(
    cloud: FakeCloudWatch, life: Life
) -> None:
    run = _run()
    log = life.log(run)
    log.write("stdout", b"last words\n")
    log.end()

    await life.shipper.drain(30)

    assert cloud.text(run) == "last words\n"
    assert len(cloud.ends(run)) == 1

    cloud.mood = lambda operation, body: Fault(503, "ServiceUnavailableException")
    other = life.log(_run())
    other.write("stdout", b"nobody hears\n")
    other.end()
    began = time.monotonic()
    await life.shipper.drain(0.5)

    assert 0.4 < time.monotonic() - began < 20
    assert len(list(life.ring.folder.iterdir())) == 1


async def test_a_process_that_was_killed_is_replaced_and_costs_no_line(
    cloud: FakeCloudWatch, life: Life
) -> None:
    run = _run()
    log = life.log(run)
    log.write("stdout", b"1\n")
    await cloud.until(lambda: cloud.numbers(run) == [1], "the first line")
    killed = life.courier.pid
    assert killed

    os.kill(killed, signal.SIGKILL)
    log.write("stdout", b"2\n")
    log.end()
    await cloud.until(lambda: bool(cloud.ends(run)), "the end")

    assert cloud.numbers(run) == [1, 2]
    assert cloud.ends(run)[-1]["gaps"] == []
    assert life.courier.pid != killed


async def test_no_log_holds_up_another(cloud: FakeCloudWatch, life: Life) -> None:
    large, small = _run(), _run()
    log = life.log(large)
    for number in range(200):
        log.write("stdout", f"{number:06} {'x' * 92}\n".encode() * 600)
    other = life.log(small)
    other.write("stdout", b"me too\n")
    log.end()
    other.end()
    await cloud.until(lambda: bool(cloud.ends(small)), "the end of the small one")

    assert not cloud.ends(large)
    await cloud.until(lambda: bool(cloud.ends(large)), "the end of the large one", 120)
    assert cloud.numbers(large) == list(range(1, 120_001))
    assert cloud.broken == []


async def _until(condition: Callable[[], bool], what: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
        await asyncio.sleep(0.02)


def _run() -> str:
    return str(uuid4())


def _assign(run: str) -> Assign:
    return Assign(run, 1, 1, "default", "hello", 1, {}, "null", 30.0, 1.0)
