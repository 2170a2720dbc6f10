"""Lines that wait on disk: all of them, in order, within their budget, whatever happened to their writer."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nice_protocol.messages import LogLines
from nice_runner.logs.ring import SEGMENT, Record, Reel, Ring, Unusable

RUN = "0190f0a0-0000-7000-8000-000000000001"
MIB = 1024 * 1024


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path / "spool", 64 * MIB)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 200), st.integers(60_000, 130_000)), min_size=1, max_size=40),
    reads=st.lists(st.integers(0, 5), min_size=1, max_size=10),
    crash=st.booleans(),
)
def test_all_lines_come_out_in_order_and_their_files_go(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], reads: list[int], crash: bool
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    ring = Ring(folder, 64 * MIB)
    reel = ring.reel(f"{RUN}.1", "default/hello/1/1")
    seen: list[int] = []
    for number, size in enumerate(sizes, 1):
        assert reel.add(_chunk(number, size))
        seen += _read(reel, reads[number % len(reads)])

    if crash:
        (reel,) = Ring(folder, 64 * MIB).left() or [reel]
    seen += _read(reel, 1000)

    assert list(dict.fromkeys(seen)) == list(range(1, len(sizes) + 1))
    assert crash or len(seen) == len(sizes)
    assert list(folder.iterdir()) == []


def test_what_an_earlier_life_left_is_found_with_the_name_of_its_log(ring: Ring) -> None:
    reel = ring.reel(f"{RUN}.3", "default/hello/1/2")
    for number in range(1, 30):
        reel.add(_chunk(number, 100_000))
    reel.note({"end": 29})

    (found,) = Ring(ring.folder, 64 * MIB).left()

    assert (found.name, found.stream) == (f"{RUN}.3", "default/hello/1/2")
    records = _records(found)
    assert [record.lines.first for record in records if record.lines] == list(range(1, 30))
    assert records[-1].note == {"end": 29}


def test_a_record_that_was_cut_in_its_middle_costs_itself_alone(ring: Ring) -> None:
    reel = ring.reel(f"{RUN}.1", "default/hello/1/1")
    for number in range(1, 4):
        reel.add(_chunk(number, 100))
    (path,) = ring.folder.iterdir()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 10)

    (found,) = Ring(ring.folder, 64 * MIB).left()

    assert [record.lines.first for record in _records(found) if record.lines] == [1, 2]


def test_a_file_that_does_not_say_whose_log_it_is_is_removed(ring: Ring) -> None:
    (ring.folder / f"{RUN}.1.000001.log").write_bytes(b'{"lo')
    (ring.folder / "lock").touch()

    assert Ring(ring.folder, MIB).left() == []
    assert [path.name for path in ring.folder.iterdir()] == ["lock"]


def test_all_attempts_share_one_budget_and_get_room_again_when_half_of_it_is_free(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "spool", 4 * MIB)
    one, two = ring.reel(f"{RUN}.1", "a"), ring.reel(f"{RUN}.2", "b")
    while one.add(_chunk(1, 100_000)):
        pass

    refused = not two.add(_chunk(1, 10))
    used = sum(path.stat().st_size for path in ring.folder.iterdir())
    one.remove()

    assert refused
    assert 3 * MIB < used <= 4 * MIB + SEGMENT
    assert two.add(_chunk(2, 10))


def test_what_an_earlier_life_left_counts_against_the_budget(tmp_path: Path) -> None:
    first = Ring(tmp_path / "spool", 4 * MIB)
    reel = first.reel(f"{RUN}.1", "a")
    while reel.add(_chunk(1, 100_000)):
        pass

    second = Ring(tmp_path / "spool", 4 * MIB)
    (left,) = second.left()

    assert not second.reel(f"{RUN}.2", "b").add(_chunk(1, 100_000))
    left.remove()
    assert second.reel(f"{RUN}.2", "b").add(_chunk(1, 100_000))


def test_nobody_else_can_read_it(ring: Ring) -> None:
    ring.reel(f"{RUN}.1", "a").add(_chunk(1, 10))

    (path,) = ring.folder.iterdir()

    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_a_link_of_somebodys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "theirs")

    with pytest.raises(Unusable, match="spool: expected a folder"):
        Ring(tmp_path / "spool", MIB)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Unusable, match="file/spool: expected a folder"):
        Ring(tmp_path / "file" / "spool", MIB)


def test_a_disk_that_takes_no_more_is_told_and_leaves_no_half_of_a_record(ring: Ring) -> None:
    reel = ring.reel(f"{RUN}.1", "a")
    reel.add(_chunk(1, 100))
    (path,) = ring.folder.iterdir()
    path.unlink()
    path.mkdir()

    with pytest.raises(OSError, match="Is a directory"):
        reel.add(_chunk(2, 100))


def _chunk(number: int, size: int) -> LogLines:
    return LogLines(number, 1, 1_700_000_000_000_000, "stdout", "x" * size + "\n", None)


def _records(reel: Reel) -> list[Record]:
    records: list[Record] = []
    while stretch := reel.front():
        records += stretch.records()
        reel.read_to(stretch.end)
    return records


def _read(reel: Reel, most: int) -> list[int]:
    """Up to so many stretches, the last one in two steps."""
    seen: list[int] = []
    while most and (stretch := reel.front()):
        most -= 1
        records = [record for record in stretch.records() if record.lines]
        middle = records[: len(records) // 2]
        for record in middle:
            assert record.lines
            seen.append(record.lines.first)
            reel.read_to(record.end)
        rest = reel.front()
        assert rest
        seen += [record.lines.first for record in rest.records() if record.lines]
        reel.read_to(rest.end)
    return seen
