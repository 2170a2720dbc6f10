"""As much of the kind provider as can be tried without a Docker engine: kind reads our configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.providers import kind_config

NO_ENGINE = "tcp://127.0.0.1:1"


@pytest.fixture(scope="module")
def kind() -> Path:
    binaries.build_missing((binaries.KIND,))
    return binaries.program("kind")


def _create(kind: Path, folder: Path, config: str) -> str:
    """What kind says; it reads its configuration before it looks for the engine, which is not there."""
    path = folder / "kind.yaml"
    path.write_text(config)
    command = [str(kind), "create", "cluster", "--name", "nice-e2e-never", "--config", str(path)]
    environment = {**os.environ, "DOCKER_HOST": NO_ENGINE, "KIND_EXPERIMENTAL_PROVIDER": "docker"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode != 0
    return ended.stderr


def test_kind_understands_our_configuration(kind: Path, tmp_path: Path) -> None:
    said = _create(kind, tmp_path, kind_config())

    assert "unable to decode config" not in said
    assert "docker" in said


def test_kind_would_refuse_a_field_that_it_does_not_know(kind: Path, tmp_path: Path) -> None:
    said = _create(kind, tmp_path, kind_config().replace("podSubnet", "podSubnt"))

    assert "field podSubnt not found" in said
