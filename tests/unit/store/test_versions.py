"""Versions that are kept: which of them, and as what."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from nice_operator.domain.run import JsonObject
from nice_operator.domain.task import TaskDefinition
from nice_operator.store.manifests import Written, render, same
from nice_operator.store.tx import Tx
from nice_operator.store.versions import VersionKey, Versions, version_of
from nice_operator.web.masking import shown_manifest
from tests.support.samples import a_spec

TASK = UUID(int=1)
OLD, NEW = VersionKey(TASK, 1), VersionKey(TASK, 2)
DEFINITION = TaskDefinition("team", "hello", "u1", 1, {"timeoutAfter": "1 minute"}, a_spec())
VERSION = version_of(DEFINITION, {"manifest": render(DEFINITION.manifest)})


class NotingTx:
    """A transaction that finds nothing, and notes that it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def all(self, query: Any, values: Any = None) -> list[Any]:
        self.asked += 1
        return []


def _many(versions: Versions, tx: NotingTx, *keys: VersionKey) -> Any:
    return versions.many(cast(Tx, tx), keys)


def test_what_is_being_written_need_not_be_read() -> None:
    versions, tx = Versions(lambda manifest, **names: a_spec()), NotingTx()

    versions.keep({OLD: VERSION})

    assert _many(versions, tx, OLD) == {OLD: VERSION}
    assert tx.asked == 0


def test_a_version_that_another_one_replaces_is_let_go() -> None:
    versions, tx = Versions(lambda manifest, **names: a_spec()), NotingTx()
    versions.keep({OLD: VERSION})

    versions.keep({NEW: VERSION}, [OLD])

    assert _many(versions, tx, NEW) == {NEW: VERSION}
    assert tx.asked == 0
    _many(versions, tx, OLD)
    assert tx.asked == 1


def test_a_manifest_that_is_kept_as_its_text_says_what_was_written() -> None:
    manifest = {"run": {"external": {}}, "payload": [1, "\ud800"], "timeoutAfter": "1 minute"}

    written = Written(render(manifest))

    assert written == manifest
    assert dict(written) == manifest
    assert list(written) == list(manifest)
    assert same(written, manifest)
    assert not same(written, {**manifest, "timeoutAfter": 60_000})


def test_a_manifest_that_is_kept_as_its_text_is_read_once_for_all_its_members() -> None:
    written = CountedReads(render({f"member{number}": number for number in range(12)}))

    pairs, values, shown = list(written.items()), list(written.values()), shown_manifest(written)

    assert (pairs, values) == (list(shown.items()), list(range(12)))
    assert written.reads == 3


class CountedReads(Written):
    """Says how often its text was read."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.reads = 0

    def read(self) -> JsonObject:
        self.reads += 1
        return super().read()
