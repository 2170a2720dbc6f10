"""Images without Docker: buildah on a base that mmdebstrap makes from Debian packages. Kept outside the
checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.places import PACKAGE, ROOT, cache
from tests.cluster.problem import Problem, say

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
SERVERS = (Image("mariadb", PACKAGE / "servers"), Image("redis", PACKAGE / "servers"))
ALL = (*PRODUCT, *SERVERS)


def build(images: tuple[Image, ...] = ALL) -> list[Path]:
    """Build what changed, and write each image to an archive that containerd reads; the base comes first."""
    _base()
    if any(image in PRODUCT for image in images):
        _bud(PACKAGE / "servers", "build", BUILD, {"BASE_IMAGE": BASE})
    archives = [_archive(BASE)]
    for image in images:
        _bud(image.folder, image.target, image.tag, {"BASE_IMAGE": BASE, "BUILD_IMAGE": BUILD})
        archives.append(_archive(image.tag))
    return archives


def build_with_docker() -> list[str]:
    """Build the same images with a Docker engine, on the base that the Dockerfile names; their tags."""
    base = _default_base()
    for image in ALL:
        arguments = ["--build-arg", f"BASE_IMAGE={base}", "--target", image.target, "--tag", image.tag]
        _run(["docker", "build", "--quiet", *arguments, str(image.folder)])
        say(f"image {image.tag} is built")
    return [image.tag for image in ALL]


def _default_base() -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return next(line.split("=", 1)[1] for line in text.splitlines() if line.startswith("ARG BASE_IMAGE="))


def _base() -> None:
    """Debian with Python, once per month and package list: as good as a pinned image, without a registry."""
    key = hashlib.sha256(repr((SOURCES, PACKAGES, LEAVE_OUT)).encode()).hexdigest()[:16]
    folder = cache() / "images" / f"base-{key}"
    if not (folder / "base.tar").exists():
        say(f"making a Debian {SUITE} base with {PACKAGES} (once; kept in {folder})")
        _bootstrap(folder)
    shutil.copy(PACKAGE / "servers" / "base.Dockerfile", folder / "Dockerfile")
    _bud(folder, "", BASE, {})


def _bootstrap(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial.tar"
    excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEAVE_OUT]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *excludes]
    _run([*command, "--dpkgopt=path-include=/usr/share/doc/*/copyright", SUITE, str(partial), *SOURCES])
    partial.rename(folder / "base.tar")


def _bud(folder: Path, target: str, tag: str, arguments: dict[str, str]) -> None:
    """Build with the host's network and the certificates that the host trusts; neither becomes part of the
    image."""
    command = [
        "bud",
        "--quiet",
        "--layers",
        "--isolation",
        "chroot",
        "--network",
        "host",
        "--tag",
        tag,
    ]
    if CERTIFICATES.exists() and target:
        command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    _run_buildah(*command, *(["--target", target] if target else []), str(folder))


def _archive(tag: str) -> Path:
    """The image as a file, written again only when the image is another one."""
    answer = _run_buildah("images", "--no-trunc", "--format", "{{.ID}} {{.Size}}", tag)
    identity, size = answer.split("\n")[0].split(" ", 1)
    name = tag.rsplit("/", 1)[1].split(":")[0]
    path = cache() / "images" / f"{name}-{identity.removeprefix('sha256:')[:16]}.tar"
    if not path.exists():
        for old in path.parent.glob(f"{name}-*.tar"):
            old.unlink()
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        _run_buildah("push", "--quiet", tag, f"docker-archive:{partial}:{tag}")
        partial.rename(path)
    say(f"image {tag}: {size}")
    return path


def _run_buildah(*arguments: str) -> str:
    """With a storage of its own, and in a mount namespace of its own, so that no mount outlives the
    command."""
    storage = cache() / "images" / "storage"
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".buildah-") as running:
        namespace = ["unshare", "--mount", "--propagation", "private", "--"]
        return _run([*namespace, "buildah", "--root", str(storage), "--runroot", running, *arguments])


def _run(command: list[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = "\n".join((answer.stdout + answer.stderr).strip().splitlines()[-30:])
        raise Problem(f"`{' '.join(command[:12])} …` failed with exit code {answer.returncode}:\n{said}")
    return answer.stdout
