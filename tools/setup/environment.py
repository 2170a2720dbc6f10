"""The virtual environment ``.venv``: what ``uv.lock`` says, made by uv, skipped while nothing changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import console
import index

SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Stamp:
    """What ``.venv`` was made from: where, by which lock, and whether with the development dependencies."""

    root: str
    inputs: str
    development: bool

    @classmethod
    def read(cls, path: Path) -> Stamp | None:
        """None when there is none, or none that we understand."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Atomic."""
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.replace(path)


def sync(root: Path, uv: Path, python: Path, development: bool) -> None:
    """Install the locked dependencies, with the development ones if asked. Raises ``console.Problem``."""
    venv = root / ".venv"
    known = Stamp.read(venv / ".nice-setup")
    wanted = Stamp(str(root), _inputs(root), development or bool(known and known.development))
    if known == wanted and _has_python(venv):
        return
    if known and known.root != wanted.root:
        shutil.rmtree(venv)  # its programs name the folder that it was made in
    console.say(f"installing the locked dependencies into {venv}")
    _run(_command(uv, None if _has_python(venv) else python, wanted.development), root)
    wanted.write(venv / ".nice-setup")


def check_lock(root: Path, uv: Path) -> None:
    """Raises ``console.Problem`` unless ``uv.lock`` is what the ``pyproject.toml`` files ask for."""
    answer = subprocess.run([str(uv), "lock", "--check", "--quiet"], cwd=root, env=_variables(), check=False)
    if answer.returncode != 0:
        raise console.Problem(
            "uv.lock does not fit the pyproject.toml files. Remedy: uv lock, and commit it."
        )


def _command(uv: Path, python: Path | None, development: bool) -> list[str]:
    """An environment that works keeps its Python; a new one gets ``python``."""
    command = [str(uv), "sync", "--frozen"]
    if python:
        command += ["--python", str(python)]
    if not development:
        command.append("--no-dev")
    if not sys.stderr.isatty():
        command.append("--quiet")
    return command


def _has_python(venv: Path) -> bool:
    """False also for a link to a Python that the system has since replaced."""
    return (venv / "bin" / "python").exists()


def _run(command: list[str], root: Path) -> None:
    answer = subprocess.run(command, cwd=root, env=_variables(), check=False)
    if answer.returncode != 0:
        raise console.Problem(
            f"`{' '.join(command)}` failed with exit code {answer.returncode} (its reason is above). "
            "Without a network nothing can be installed; otherwise remove .venv and try again."
        )


def _variables() -> dict[str, str]:
    """Never fetch a Python; trust whom the machine trusts; use the index that the setup itself uses."""
    variables = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    variables["UV_PYTHON_DOWNLOADS"] = "never"
    if SYSTEM_CERTIFICATES.exists():
        variables.setdefault("UV_SYSTEM_CERTS", "1")
    if index.address() != index.DEFAULT:
        variables.setdefault("UV_DEFAULT_INDEX", index.address())
    return variables


def _inputs(root: Path) -> str:
    """Changes with every file that the environment is made from."""
    digest = hashlib.sha256()
    for path in [root / "uv.lock", root / "pyproject.toml", *sorted(root.glob("*/pyproject.toml"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
