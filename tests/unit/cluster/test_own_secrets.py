"""Secrets that the chart renders empty are filled once, whoever comes first."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from nice_operator.cluster.errors import KubeRefused
from nice_operator.cluster.own_secrets import FILLERS, database_values, fill, redis_values, token_values
from tests.support.scripted_kube import Answer, Asked, scripted_kube

PATH = "/api/v1/namespaces/nice/secrets/nice-token"


class Secret:
    """One Secret: refuses a change that was made for another version of it."""

    def __init__(self, data: dict[str, str] | None = None, changes_meanwhile: int = 0) -> None:
        self.data = data
        self.version = 7
        self.changes_meanwhile = changes_meanwhile

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.method == "GET":
            return 200, self.shown()
        if self.changes_meanwhile:
            self.changes_meanwhile -= 1
            self.version += 1
        if asked.body["metadata"]["resourceVersion"] != str(self.version):
            return 409, {"reason": "Conflict", "message": "changed meanwhile"}
        self.data = {**(self.data or {}), **asked.body["data"]}
        return 200, self.shown()

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = {"metadata": {"resourceVersion": str(self.version)}}
        return found if self.data is None else {**found, "data": self.data}


async def test_an_empty_secret_is_filled(tmp_path: Path) -> None:
    secret = Secret()
    async with scripted_kube(tmp_path, secret) as (_, api):
        filled = await fill(api, "nice", "nice-token", {"admin": "a token"})

    assert filled
    assert secret.data is not None
    assert b64decode(secret.data["admin"]) == b"a token"


async def test_one_that_somebody_filled_stays_as_it_is(tmp_path: Path) -> None:
    secret = Secret({"mine": "bWluZQ=="})
    async with scripted_kube(tmp_path, secret) as (kube, api):
        filled = await fill(api, "nice", "nice-token", {"admin": "a token"})

    assert not filled
    assert secret.data == {"mine": "bWluZQ=="}
    assert [asked.method for asked in kube.asked] == ["GET"]


async def test_who_loses_the_race_looks_again(tmp_path: Path) -> None:
    secret = Secret(changes_meanwhile=2)
    async with scripted_kube(tmp_path, secret) as (kube, api):
        assert await fill(api, "nice", "nice-token", {"admin": "a token"})

    assert len(kube.of("PATCH")) == 3


async def test_a_secret_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with scripted_kube(tmp_path) as (_, api):
        with pytest.raises(KubeRefused, match="nice-token"):
            await fill(api, "nice", "nice-token", {"admin": "a token"})


def test_no_two_releases_get_the_same() -> None:
    for kind, filler in FILLERS.items():
        assert filler("one") != filler("one"), kind


def test_both_sides_of_redis_get_one_password() -> None:
    values = redis_values("nice-commander")

    assert values["redis.conf"] == f"requirepass {values['password']}\n"
    assert values["url"] == "redis://nice-commander-redis:6379/0"


def test_the_database_is_found_by_its_service() -> None:
    assert "@nice-commander-database:3306/" in database_values("nice-commander")["url"]


def test_a_token_is_long_enough_to_be_taken() -> None:
    assert all(len(token) >= 32 for token in token_values("nice-commander").values())
