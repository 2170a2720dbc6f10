"""Images without Docker: buildah on a base that mmdebstrap makes from Debian packages. Kept outside the
checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import builder
from tests.cluster.inputs import as_options, digest, locked_version
from tests.cluster.places import PACKAGE, ROOT, cache
from tests.cluster.problem import Problem, say
from tests.support.mysql import unpacked

SUITE = "bookworm"
MIRROR = os.environ.get("NICE_DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = "python3,ca-certificates,tzdata"
SOURCES = (
    f"deb {MIRROR} {SUITE} main",
    f"deb {MIRROR} {SUITE}-updates main",
    f"deb {MIRROR}-security {SUITE}-security main",
)
LEAVE_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BASE = "localhost/nice-cluster/base:test"
BUILD = "localhost/nice-cluster/build:test"
KEPT_SECONDS = 3 * 24 * 3600
"""So long an archive that nobody asks for is kept: other checkouts share the cache."""


@dataclass(frozen=True)
class Image:
    """One target of one Dockerfile."""

    target: str
    folder: Path

    @property
    def tag(self) -> str:
        """What manifests call it."""
        return f"localhost/nice-commander/{self.target}:test"


PRODUCT = (Image("operator", ROOT), Image("runner", ROOT))
SERVERS = tuple(Image(target, PACKAGE / "servers") for target in ("mariadb", "redis", "moto"))
MYSQL = Image("mysql", PACKAGE / "servers-mysql")
DATABASES = ("mariadb", "mysql")
DATABASE = os.environ.get("NICE_E2E_DATABASE") or DATABASES[0]
"""Which server the releases under test are given as their trial database."""
ALL = (*PRODUCT, *SERVERS, *((MYSQL,) if MYSQL.target == DATABASE else ()))


def build(images: tuple[Image, ...] = ALL) -> list[Path]:
    """Build what changed, each image as an archive that containerd reads; the base comes first."""
    _check_database()
    wanted = [
        (image, _place(image.target, digest(image.folder, (_base_key(), _arguments())))) for image in images
    ]
    base = _place("base", _base_key())
    missing = [(image, path) for image, path in wanted if not path.exists()]
    if missing or not base.exists():
        with builder.alone("images", cache() / "images") as held:
            Builder(held).build(base, missing)
    archives = [base, *(path for _, path in wanted)]
    for path in archives:
        path.touch()
        say(f"image {path.name.rsplit('-', 1)[0]}: {path.stat().st_size // 1_000_000} MB")
    _forget_old(base.parent)
    return archives


def build_with_docker() -> list[str]:
    """Build the same images with a Docker engine, on the base that the Dockerfile names; their tags."""
    _check_database()
    base = _default_base()
    arguments = _arguments(base, base)
    for image in ALL:
        options = [*as_options(arguments), *_contexts(image.target), "--target", image.target]
        _run(["docker", "build", "--quiet", *options, "--tag", image.tag, str(image.folder)])
        say(f"image {image.tag} is built")
    return [image.tag for image in ALL]


def _check_database() -> None:
    if DATABASE not in DATABASES:
        raise Problem(f"NICE_E2E_DATABASE: expected one of {', '.join(DATABASES)}, found {DATABASE!r}")


def _arguments(base: str = BASE, build: str = BUILD) -> dict[str, str]:
    return {"BASE_IMAGE": base, "BUILD_IMAGE": build, "MOTO_VERSION": locked_version("moto")}


def _contexts(target: str) -> list[str]:
    """What a build needs beside its own folder and the base."""
    return ["--build-context", f"unpacked={unpacked() / 'usr'}"] if target == MYSQL.target else []


def _default_base() -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return next(line.split("=", 1)[1] for line in text.splitlines() if line.startswith("ARG BASE_IMAGE="))


def _base_key() -> str:
    return digest(PACKAGE / "servers", (SOURCES, PACKAGES, LEAVE_OUT))


def _place(name: str, key: str) -> Path:
    return cache() / "images" / f"{name}-{key}.tar"


def _forget_old(folder: Path) -> None:
    for path in folder.glob("*.tar"):
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Builder:
    """Builds while it holds the lock of the images, which its children inherit."""

    held: builder.Inherited

    def build(self, base: Path, missing: Sequence[tuple[Image, Path]]) -> None:
        """Write the archives that do not exist yet."""
        self._make_base()
        if not base.exists():
            self._archive(BASE, base)
        if any(image in PRODUCT or image.target == "moto" for image, _ in missing):
            self._bud(PACKAGE / "servers", "build", BUILD)
        for image, path in missing:
            say(f"building image {image.tag}")
            self._bud(image.folder, image.target, image.tag)
            self._archive(image.tag, path)

    def _make_base(self) -> None:
        """Debian with Python, once per package list: as good as a pinned image, without a registry."""
        key = hashlib.sha256(repr((SOURCES, PACKAGES, LEAVE_OUT)).encode()).hexdigest()[:16]
        folder = cache() / "images" / f"base-{key}"
        if not (folder / "base.tar").exists():
            say(f"making a Debian {SUITE} base with {PACKAGES} (once; kept in {folder})")
            self._bootstrap(folder)
        shutil.copy(PACKAGE / "servers" / "base.Dockerfile", folder / "Dockerfile")
        self._bud(folder, "", BASE)

    def _bootstrap(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / "partial.tar"
        excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEAVE_OUT]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *excludes]
        command.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
        _run([*command, SUITE, str(partial), *SOURCES], self.held)
        partial.rename(folder / "base.tar")

    def _bud(self, folder: Path, target: str, tag: str) -> None:
        """With the host's network and the certificates that it trusts; neither becomes part of the image."""
        command = ["bud", "--quiet", "--layers", "--isolation", "chroot", "--network", "host", "--tag", tag]
        if CERTIFICATES.exists() and target:
            command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        if target:
            command += [*as_options(_arguments()), *_contexts(target), "--target", target]
        self._buildah(*command, str(folder))

    def _archive(self, tag: str, path: Path) -> None:
        partial = path.with_name(f".{path.name}")
        partial.unlink(missing_ok=True)
        self._buildah("push", "--quiet", tag, f"docker-archive:{partial}:{tag}")
        partial.rename(path)

    def _buildah(self, *arguments: str) -> str:
        """With a storage of its own, in a mount namespace of its own, so that no mount outlives it."""
        images = cache() / "images"
        with tempfile.TemporaryDirectory(dir=images, prefix=".running-") as running:
            namespace = ["unshare", "--mount", "--propagation", "private", "--"]
            storage = ["--root", str(images / "storage"), "--runroot", running]
            return _run([*namespace, "buildah", *storage, *arguments], self.held)


def _run(command: list[str], held: tuple[int, ...] = ()) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=held)
    if answer.returncode != 0:
        said = "\n".join((answer.stdout + answer.stderr).strip().splitlines()[-30:])
        raise Problem(f"`{' '.join(command[:12])} …` failed with exit code {answer.returncode}:\n{said}")
    return answer.stdout
