"""Bytes to pieces of text: nothing lost, nothing larger than promised."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nice_runner.logs.splitter import MAX_FEED, MAX_PIECE, Piece, Splitter


def _split(parts: list[bytes]) -> list[Piece]:
    splitter = Splitter()
    pieces = [piece for part in parts for piece in splitter.feed(part)]
    return [*pieces, *splitter.end()]


@given(st.text(alphabet="aä€😀\n\r\x00", max_size=200), st.lists(st.integers(0, 800), max_size=6))
def test_text_cut_anywhere_comes_out_as_it_was(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = _split([data[a:b] for a, b in pairwise(places)])
    assert "".join(piece.text for piece in pieces) == text.replace("\x00", "␀")
    assert all(piece.lines == piece.text.count("\n") + (not piece.text.endswith("\n")) for piece in pieces)


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_come_out_as_python_would_replace_them(parts: list[bytes]) -> None:
    whole = b"".join(parts).decode("utf-8", "replace").replace("\x00", "␀")
    assert "".join(piece.text for piece in _split(parts)) == whole


def test_a_long_line_is_cut_between_characters() -> None:
    pieces = _split(["€".encode() * 50_000])
    assert "".join(piece.text for piece in pieces) == "€" * 50_000
    assert all(len(piece.text.encode()) <= MAX_PIECE for piece in pieces)
    assert [piece.lines for piece in pieces] == [1, 1, 1]


def test_an_unfinished_line_can_be_shown_and_goes_on() -> None:
    splitter = Splitter()
    assert list(splitter.feed("50 %\r99 €".encode()[:-1])) == []
    assert list(splitter.flush()) == [], "it may yet end by itself"
    assert list(splitter.flush()) == [Piece("50 %\r99 ", 1)]
    assert list(splitter.flush()) == []
    assert list(splitter.feed("€\n".encode()[2:])) == [Piece("€\n", 1)]


def test_a_line_that_ends_in_time_is_never_torn() -> None:
    splitter = Splitter()
    list(splitter.feed(b"one\ntw"))
    assert list(splitter.flush()) == []
    assert list(splitter.feed(b"o\nthr")) == [Piece("two\n", 1)]
    assert list(splitter.flush()) == []
    assert list(splitter.feed(b"ee\n")) == [Piece("three\n", 1)]


def test_a_gigabyte_without_a_newline_needs_little_memory() -> None:
    splitter = Splitter()
    part = b"\xc3\xa4" * (MAX_FEED // 2)
    tracemalloc.start()
    try:
        characters = sum(len(piece.text) for _ in range(2**30 // MAX_FEED) for piece in splitter.feed(part))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert characters + sum(len(piece.text) for piece in splitter.end()) == 2**29
    assert peak < 2_000_000
