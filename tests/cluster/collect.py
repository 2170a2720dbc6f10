"""What one wants to see of a cluster when a test has failed, put into a folder."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.places import Places
from tests.cluster.target import Provider, Target

KINDS = "pods,deployments,services,nicetasks,niceworkerpools"


def collect(target: Target, namespaces: list[str], folder: Path) -> None:
    """Descriptions, events and container logs of the namespaces; of a native cluster also its components'
    logs."""
    folder.mkdir(parents=True, exist_ok=True)
    for namespace in namespaces:
        _keep(target, folder / f"{namespace}-describe.txt", "describe", KINDS, "--namespace", namespace)
        _keep(target, folder / f"{namespace}-events.txt", "events", "--namespace", namespace)
        pods = target.kubectl.attempt("get", "pods", "--namespace", namespace, "-o", "name").output.split()
        for pod in pods:
            log = ["logs", pod, "--namespace", namespace, "--all-containers", "--prefix", "--tail=2000"]
            _keep(target, folder / f"{namespace}-{pod.replace('/', '-')}.log", *log)
    if target.provider is Provider.NATIVE:
        _keep_components(Places.of(target.name), folder)


def digest(folder: Path, namespaces: list[str]) -> str:
    """The last lines of what says most, for a screen of which nothing else is kept."""
    wanted = [
        path
        for name in namespaces
        for path in sorted(folder.glob(f"{name}-*"))
        if "describe" not in path.name
    ]
    parts = [f"--- {path.name}\n" + "\n".join(_last_lines(path)) for path in wanted]
    return "\n".join(parts)


def _last_lines(path: Path, count: int = 25) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]


def _keep(target: Target, path: Path, *arguments: str) -> None:
    answer = target.kubectl.attempt(*arguments)
    path.write_text(answer.output + answer.errors, encoding="utf-8")


def _keep_components(places: Places, folder: Path) -> None:
    for log in places.home.glob("*/*.log"):
        (folder / f"{log.parent.name}-{log.name}").write_bytes(log.read_bytes()[-2_000_000:])
