"""Secrets in what a run writes: masked however the stream is cut, and nothing else is changed."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nice_runner.masking.patterns import NOTHING, Patterns, patterns_of
from nice_runner.masking.stream import MOST_HELD, StreamMask
from nice_runner.masking.values import SHORTEST, values_of_secret

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq83vEjRWeJq83v==\n-----END RSA PRIVATE KEY-----"
SHAPES = ("AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, JWT, PEM)


def masked(pieces: Sequence[bytes], patterns: Patterns = NOTHING) -> bytes:
    """All that is told of a stream that comes in these pieces."""
    stream = StreamMask(lambda: patterns)
    return b"".join([*(stream.feed(piece) for piece in pieces), stream.end()])


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """``data`` in pieces that end at ``places``."""
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


LETTERS = "abX=+/\n"
SECRETS = st.lists(st.text(LETTERS, min_size=SHORTEST, max_size=20), min_size=1, max_size=3)
PLACES = st.lists(st.integers(0, 400), max_size=12)


@given(secrets=SECRETS, noise=st.lists(st.text(LETTERS, max_size=12), min_size=1), places=PLACES)
@example(secrets=["aaaaaaaa"], noise=["aaa", "a"], places=list(range(40)))
def test_no_known_secret_appears_however_the_stream_is_cut(
    secrets: list[str], noise: list[str], places: list[int]
) -> None:
    text = "".join(part + secret for part in noise for secret in secrets)
    patterns = patterns_of(secrets)
    told = masked(cut(text.encode(), places), patterns)
    assert not [secret for secret in secrets if secret.encode() in told]


@given(secrets=SECRETS, noise=st.lists(st.text(LETTERS, max_size=12), min_size=1), places=PLACES)
def test_the_outcome_is_that_of_the_whole_at_once(
    secrets: list[str], noise: list[str], places: list[int]
) -> None:
    data = "".join(part + secret for part in noise for secret in secrets).encode()
    patterns = patterns_of(secrets)
    assert masked(cut(data, places), patterns) == masked([data], patterns)


@given(data=st.binary(max_size=300), places=PLACES)
def test_what_holds_no_secret_stays_to_the_byte(data: bytes, places: list[int]) -> None:
    assert masked(cut(data, places), patterns_of(["never written"])) == data


@given(shape=st.sampled_from(SHAPES), before=st.sampled_from(["", "x ", "key=", '{"a":"']), places=PLACES)
def test_values_of_known_shapes_are_masked_however_they_are_cut(
    shape: str, before: str, places: list[int]
) -> None:
    told = masked(cut(f'{before}{shape}" after\n'.encode(), places))
    assert told.decode() == f'{before}***" after\n'


@pytest.mark.parametrize("before", ["", "u", "us"])
def test_base64_of_a_secret_is_masked_wherever_it_begins(before: str) -> None:
    encoded = b64encode(f"{before}:s3cr3t-of-the-pool:{before}".encode())
    told = masked([b"Authorization: Basic " + encoded], patterns_of(["s3cr3t-of-the-pool"]))
    assert b"***" in told
    assert len(told) <= len(b"Authorization: Basic ***") + 2 * 4 + 4, told


@pytest.mark.parametrize("written", ["a%22b%2Fc%20d%26e", "a%22b%2Fc+d%26e", 'a\\"b/c d&e', 'a"b/c d&e'])
def test_a_secret_is_known_in_urls_and_in_json(written: str) -> None:
    assert masked([f"<{written}>".encode()], patterns_of(['a"b/c d&e'])) == b"<***>"


def test_what_may_become_a_secret_waits_and_nothing_else_does() -> None:
    stream = StreamMask(lambda: patterns_of(["hunter2hunter2"]))
    assert stream.feed(b"Loading 12%") == b"Loading 12%"
    assert stream.feed(b" hunter2") == b" "
    assert stream.feed(b"!") == b"hunter2!"


def test_a_secret_that_was_cut_off_at_the_end_is_masked_unless_little_of_it_was_written() -> None:
    patterns = patterns_of(["correct-horse-battery"])
    assert masked([b"> correct-horse"], patterns) == b"> ***"
    assert masked([b"> corr"], patterns) == b"> corr"


def test_a_secret_that_becomes_known_while_the_run_writes_is_masked_from_then_on() -> None:
    known = NOTHING
    stream = StreamMask(lambda: known)
    assert stream.feed(b"rotated-value\n") == b"rotated-value\n"
    known = patterns_of(["rotated-value"])
    assert stream.feed(b"rotated-value\n") == b"***\n"


def test_a_shape_without_an_end_is_not_held_for_ever() -> None:
    stream = StreamMask(lambda: NOTHING)
    told = sum(len(stream.feed(b"eyJ" + b"a" * 4093)) for _ in range(64))
    assert told > 64 * 4096 - 2 * MOST_HELD


@pytest.mark.parametrize(
    "hostile",
    [b"eyJ." * 16384, b"eyJeyJ-x." * 7000, b"-----BEGIN PRIVATE KEY-----" * 2400, b"AKIA" * 16384],
)
def test_hostile_text_costs_no_more_than_its_length(hostile: bytes) -> None:
    began = time.process_time()
    masked([hostile])
    assert time.process_time() - began < 2.0, "a search goes back again and again"


@pytest.mark.parametrize(
    ("name", "content", "values"),
    [
        ("password", "s3cr3t-word\n", {"s3cr3t-word"}),
        ("username", "administrator", set()),
        ("DB_USER", "administrator", set()),
        ("url", "mysql://u:p%40ssword1@db/x", {"mysql://u:p%40ssword1@db/x", "p%40ssword1", "p@ssword1"}),
        ("key.pem", PEM, {PEM, *PEM.split("\n")}),
        ("sa.json", '{"type": "service_account", "private_key": "one-two-three"}',
         {'{"type": "service_account", "private_key": "one-two-three"}', "one-two-three"}),
        (".env", "USER=administrator\nexport A=abcdefgh1\n",
         {"USER=administrator\nexport A=abcdefgh1", "USER=administrator", "export A=abcdefgh1", "abcdefgh1"}),
    ],
)  # fmt: skip
def test_what_is_secret_of_a_part(name: str, content: str, values: set[str]) -> None:
    found = {value for value in values_of_secret(name, content) if len(value) >= SHORTEST}
    assert found == values
