"""The cluster's programs: built once from pinned sources by Go, kept outside the checkout.

Each family has a Go module of its own below ``go/``, so that none shifts another's dependencies. A family is
built
again only when its ``go.mod``, ``go.sum``, the Go version or the flags change.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.cluster import builder
from tests.cluster.places import PACKAGE, cache
from tests.cluster.problem import Problem, say

MINIMUM_GO = (1, 24)
GO_REMEDY = (
    "Install Go 1.24 or newer (https://go.dev/dl, or golang from Debian's backports) and put it on PATH."
)
EVERY_SECONDS = 10.0
OF_THIS_CHECKOUT = "v0.0.0"
"""The version of a program whose source lies beside its go.mod."""
FLAGS = ("-trimpath", "-buildvcs=false")


@dataclass(frozen=True)
class Family:
    """Programs that come from one Go module: name of the program → its package."""

    name: str
    programs: dict[str, str]
    stamps: tuple[str, ...] = field(default=())
    """Packages whose ``gitVersion``, ``gitMajor`` and ``gitMinor`` say the version."""

    @property
    def module(self) -> Path:
        """The folder with go.mod and go.sum."""
        return PACKAGE / "go" / self.name

    def version(self) -> str:
        """The version that go.mod pins for the module of the first program."""
        package = next(iter(self.programs.values()))
        if f"module {package}\n" in (self.module / "go.mod").read_text():
            return OF_THIS_CHECKOUT
        for path, version in re.findall(
            r"^\s*(\S+) (v\S+)", (self.module / "go.mod").read_text(), re.MULTILINE
        ):
            if package == path or package.startswith(f"{path}/"):
                return str(version)
        raise Problem(
            f"{self.module}/go.mod requires no module that {package} belongs to; expected its version there"
        )

    def linker_flags(self) -> str:
        """No debugging data, and the version: an API server without it calls itself v0.0.0."""
        version = self.version()
        major, minor, _ = version.removeprefix("v").split(".", 2)
        words = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        stamps = [f"-X {package}.{name}={value}" for package in self.stamps for name, value in words.items()]
        return " ".join(["-s", "-w", *stamps])


_K8S = "k8s.io/kubernetes/cmd"
KUBERNETES = Family(
    "kubernetes",
    {
        name: f"{_K8S}/{name}"
        for name in (
            "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
        )
    },
    ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"),
)  # fmt: skip
ETCD = Family("etcd", {"etcd": "go.etcd.io/etcd/server/v3"})
COREDNS = Family("coredns", {"coredns": "github.com/coredns/coredns"})
HELM = Family("helm4", {"helm": "helm.sh/helm/v4/cmd/helm"})
HELM3 = Family("helm3", {"helm3": "helm.sh/helm/v3/cmd/helm"})
KIND = Family("kind", {"kind": "sigs.k8s.io/kind"})
VERDICTS = Family("verdicts", {"verdicts": "nicecommander.dev/tests/verdicts"})
HELMS = (HELM, HELM3)
CONTROL = (KUBERNETES, ETCD)
CLUSTER = (*CONTROL, COREDNS)
NATIVE = (*CLUSTER, *HELMS)
ALL = (*NATIVE, KIND, VERDICTS)


def program(name: str) -> Path:
    """Where the built program lies. Raises ``Problem`` if it was not built."""
    family = next(family for family in ALL if name in family.programs)
    path = _folder(family) / name
    if not path.exists():
        raise Problem(f"{name} is not built yet; build it with: python -m tests.cluster build")
    return path


def build_missing(families: tuple[Family, ...] = NATIVE) -> None:
    """Build what the cache lacks; one builder at a time, others wait for it."""
    if all(_folder(family).is_dir() for family in families):
        return
    with builder.alone("build", cache() / "bin") as held:
        for family in families:
            if not _folder(family).is_dir():
                _build(family, held)


def _folder(family: Family) -> Path:
    digest = hashlib.sha256()
    for path in (family.module / "go.mod", family.module / "go.sum", *sorted(family.module.glob("*.go"))):
        digest.update(path.read_bytes())
    digest.update(repr((_go_version(), FLAGS, family.linker_flags(), family.programs)).encode())
    return cache() / "bin" / f"{family.name}-{digest.hexdigest()[:16]}"


_found_go: list[str] = []


def _go_version() -> str:
    """What ``go version`` says, once per process. Raises ``Problem`` for none, or one that is too old."""
    if not _found_go:
        _found_go.append(_ask_go())
    return _found_go[0]


def _ask_go() -> str:
    go = shutil.which("go")
    if go is None:
        raise Problem(f"the cluster's programs are built with Go; no go on PATH. {GO_REMEDY}")
    command = [go, "version"]
    text = subprocess.run(
        command, capture_output=True, text=True, check=True, env=_environment()
    ).stdout.strip()
    check_go(text, Path(go))
    return text


def check_go(text: str, where: Path) -> None:
    """Raises ``Problem`` unless ``go version`` said ``text`` of a Go that is new enough."""
    found = re.search(r"go(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < MINIMUM_GO:
        wanted = ".".join(map(str, MINIMUM_GO))
        raise Problem(
            f"the cluster's programs need Go {wanted} or newer; found `{text}` at {where}. {GO_REMEDY}"
        )


def _build(family: Family, held: builder.Inherited) -> None:
    target = _folder(family)
    target.parent.mkdir(exist_ok=True)
    say(f"building {', '.join(family.programs)} {family.version()} (once; kept in {target})")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{family.name}-") as folder:
        for packages in _packages_by_output(family, Path(folder)):
            _compile(family, *packages, held)
        Path(folder).chmod(0o755)
        os.rename(folder, target)
        Path(folder).mkdir()  # for the context manager to remove
    say(f"built {family.name} in {time.monotonic() - started:.0f} s")


def _packages_by_output(family: Family, folder: Path) -> list[tuple[str, list[str]]]:
    """Programs that are called like their packages are built together; one that is not, by itself."""
    alike = [package for name, package in family.programs.items() if package.endswith(f"/{name}")]
    others = [(str(folder / name), [p]) for name, p in family.programs.items() if p not in alike]
    return ([(f"{folder}/", alike)] if alike else []) + others


def _compile(family: Family, output: str, packages: list[str], held: builder.Inherited) -> None:
    total = len(_go(family, "list", "-deps", *packages).split())
    command = ["go", "build", "-v", *FLAGS, "-ldflags", family.linker_flags(), "-o", output, *packages]
    with tempfile.TemporaryFile("w+") as shown:
        with subprocess.Popen(
            command, cwd=family.module, env=_environment(), stderr=shown, pass_fds=held
        ) as process:
            while process.poll() is None:
                _tell_progress(family, process, shown, total)
        shown.seek(0)
        said = [line for line in shown if not re.fullmatch(r"[\w./~+-]+\n", line)]
    if process.returncode != 0:
        raise Problem(f"building {family.name} failed:\n{''.join(said[-30:])}")


def _tell_progress(family: Family, process: subprocess.Popen[bytes], shown: IO[str], total: int) -> None:
    try:
        process.wait(EVERY_SECONDS)
    except subprocess.TimeoutExpired:
        shown.seek(0)
        say(f"  {family.name}: {len(shown.readlines())} of at most {total} packages compiled")


def _go(family: Family, *arguments: str) -> str:
    answer = subprocess.run(
        ["go", *arguments], cwd=family.module, env=_environment(), capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise Problem(
            f"`go {' '.join(arguments[:2])} …` in {family.module} failed: {answer.stderr.strip()[-2000:]}"
        )
    return answer.stdout


def _environment() -> dict[str, str]:
    """Static programs, by the Go that is installed; what the person chose in GOFLAGS (such as -p=2) stays."""
    flags = f"{os.environ.get('GOFLAGS', '')} -mod=readonly".strip()
    return {
        "HOME": str(Path.home()),
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": flags,
    }
