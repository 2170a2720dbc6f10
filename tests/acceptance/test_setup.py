"""Setting up a clone on a machine without pip, venv and uv: ``python3 tools/setup``, as a person runs it.

The package index is a server on loopback, and its uv is a script that notes how it was called.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WHEEL = "uv-9.9.9-py3-none-linux.whl"
FAKE_UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv 9.9.9"; exit; fi
echo "$@ UV_PYTHON_DOWNLOADS=$UV_PYTHON_DOWNLOADS" >> "$PWD/calls"
mkdir -p .venv/bin && touch .venv/bin/python
[ ! -e fail ]
"""


@dataclass
class Machine:
    """A checkout and a home of its own, and an index that serves ``wheel``."""

    folder: Path
    index: str = ""
    wheel: bytes = b""
    asked: list[str] = field(default_factory=list)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def calls(self) -> list[str]:
        """How uv was called."""
        notes = self.checkout / "calls"
        return notes.read_text().splitlines() if notes.exists() else []

    def setup(self, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        """``python3 tools/setup`` in an empty environment."""
        env = {
            "HOME": str(self.folder),
            "PATH": f"{path or self.folder}:/usr/bin:/bin",
            "PIP_INDEX_URL": self.index,
        }
        return subprocess.run(
            [sys.executable, "tools/setup", *arguments],
            cwd=self.checkout, env=env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


def make_wheel(folder: Path) -> bytes:
    path = folder / WHEEL
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("uv-9.9.9.data/scripts/uv", FAKE_UV)
    return path.read_bytes()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    found = Machine(tmp_path, wheel=make_wheel(tmp_path))
    shutil.copytree(
        REPOSITORY / "tools", found.checkout / "tools", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "uv.lock"):
        (found.checkout / name).write_text("as it is")
    wheel = {"file": WHEEL, "sha256": hashlib.sha256(found.wheel).hexdigest()}
    pins = {"version": "9.9.9", "minimum": "9.9", "wheels": {platform.machine(): wheel}}
    (found.checkout / "tools/setup/uv.json").write_text(json.dumps(pins))
    with serve_index(found):
        yield found


class serve_index:  # noqa: N801 - used as a context
    """Serves ``machine.wheel`` as PEP 691 says."""

    def __init__(self, machine: Machine) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                machine.asked.append(self.path)
                listing = {"files": [{"filename": WHEEL, "url": f"../../files/{WHEEL}"}]}
                page = self.path == "/simple/uv/"
                body = json.dumps(listing).encode() if page else machine.wheel
                self.send_response(200)
                kind = "application/vnd.pypi.simple.v1+json" if page else "application/octet-stream"
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        machine.index = f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_uv_is_fetched_checked_and_used_where_there_is_none(machine: Machine) -> None:
    ended = machine.setup("run")
    assert ended.returncode == 0, ended.stderr
    assert machine.asked == ["/simple/uv/", f"/files/{WHEEL}"]
    assert machine.calls == [
        f"sync --frozen --python {base_python()} --no-dev --quiet UV_PYTHON_DOWNLOADS=never"
    ]
    assert "fetching uv 9.9.9" in ended.stderr


def base_python() -> str:
    """The Python behind the virtual environment that runs these tests."""
    return str(getattr(sys, "_base_executable", sys.executable))


def test_a_second_setup_does_and_says_nothing(machine: Machine) -> None:
    machine.setup("run")
    ended = machine.setup("run")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert len(machine.calls) == 1
    assert len(machine.asked) == 2


def test_a_changed_lock_is_installed(machine: Machine) -> None:
    machine.setup("run")
    (machine.checkout / "uv.lock").write_text("changed")
    machine.setup("run")
    assert len(machine.calls) == 2


def test_what_development_installed_is_not_taken_away_by_a_run(machine: Machine) -> None:
    machine.setup("dev")
    machine.setup("run")
    assert len(machine.calls) == 1
    assert "--no-dev" not in machine.calls[0]


def test_a_checkout_that_moved_is_installed_anew(machine: Machine) -> None:
    machine.setup("run")
    (machine.checkout / ".venv" / "old").touch()
    stamp = machine.checkout / ".venv" / ".nice-setup"
    stamp.write_text(stamp.read_text().replace(str(machine.checkout), "/somewhere/else"))
    machine.setup("run")
    assert len(machine.calls) == 2
    assert not (machine.checkout / ".venv" / "old").exists()


def test_a_wheel_with_another_hash_is_refused_and_not_kept(machine: Machine) -> None:
    machine.wheel += b"x"
    ended = machine.setup("run")
    assert ended.returncode == 1
    assert "SHA-256" in ended.stderr
    assert machine.calls == []
    assert [path for path in (machine.folder / ".cache").rglob("*") if path.is_file()] == []


def test_an_index_that_does_not_answer_is_named_with_a_remedy(machine: Machine) -> None:
    machine.index = "http://127.0.0.1:1/simple"
    ended = machine.setup("run")
    assert ended.returncode == 1
    assert "http://127.0.0.1:1/simple/uv/" in ended.stderr
    assert "PIP_INDEX_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_uv_on_the_path_is_used_if_it_is_new_enough(machine: Machine, tmp_path: Path) -> None:
    own = tmp_path / "bin"
    own.mkdir()
    (own / "uv").write_text(FAKE_UV)
    (own / "uv").chmod(0o755)
    machine.setup("run", path=own)
    assert machine.asked == []
    assert len(machine.calls) == 1


def test_an_old_uv_on_the_path_is_passed_over(machine: Machine, tmp_path: Path) -> None:
    own = tmp_path / "bin"
    own.mkdir()
    (own / "uv").write_text(FAKE_UV.replace("9.9.9", "0.1.0"))
    (own / "uv").chmod(0o755)
    machine.setup("run", path=own)
    assert machine.asked[0] == "/simple/uv/"


def test_a_failed_installation_is_tried_again_next_time(machine: Machine) -> None:
    (machine.checkout / "fail").touch()
    failed = machine.setup("run")
    (machine.checkout / "fail").unlink()
    ended = machine.setup("run")
    assert (failed.returncode, ended.returncode) == (1, 0)
    assert "uv sync" in failed.stderr
    assert len(machine.calls) == 2


FAKE_APT = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
  *update*) touch "$CALLS.lists" ;;
  *) [ -e "$CALLS.lists" ] && printf '#!/bin/sh\\n' > "$BIN/not-there" && chmod +x "$BIN/not-there" ;;
esac
"""


def with_apt(machine: Machine, apt: str) -> Path:
    """A machine whose tests need a program that only apt-get can bring."""
    own = machine.folder / "bin"
    own.mkdir()
    calls = machine.folder / "apt"
    sudo = '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n'
    apt = apt.replace("$CALLS", str(calls)).replace("$BIN", str(own))
    for name, text in (("apt-get", apt), ("sudo", sudo)):
        (own / name).write_text(text)
        (own / name).chmod(0o755)
    need = {"package": "some-package", "purpose": "to try it", "programs": ["not-there"]}
    (machine.checkout / "tools/setup/needs.json").write_text(json.dumps([need]))
    return own


def test_what_the_tests_need_is_named_and_installed_with_fresh_package_lists(machine: Machine) -> None:
    own = with_apt(machine, FAKE_APT)
    first, second = (machine.setup("test", path=own) for _ in range(2))
    calls = [call.split()[0] for call in (machine.folder / "apt").read_text().splitlines()]
    assert first.returncode == 0, first.stderr
    assert "missing: some-package (to try it)" in first.stderr
    assert calls == ["install", "update", "install"]
    assert (second.returncode, second.stderr) == (0, "")


def test_what_cannot_be_installed_fails_with_the_command_to_type(machine: Machine) -> None:
    ended = machine.setup("test", path=with_apt(machine, "#!/bin/sh\nexit 100\n"))
    assert ended.returncode == 1
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends some-package" in ended.stderr


def test_make_alone_lists_what_there_is() -> None:
    listed = subprocess.run(["make", "-s"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for target in ("run", "test", "check", "bench", "help"):
        assert f"make {target}" in listed.stdout
