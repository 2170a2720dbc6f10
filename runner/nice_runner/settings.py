"""Arguments and environment to settings. The only reader of both; reports every mistake at once."""

from __future__ import annotations

import argparse
import os
import re
import resource
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nice_protocol.limits import MAX_SLOTS

MIB = 1024 * 1024

PASSED_ON = ("PATH", "HOME", "USER", "TZ", "TMPDIR")
"""Variables of our own that user code may see in dev mode."""

MAX_SPARES = 4

FOR_EVER = 86400 * 366.0
DRAINED_SECONDS = 600.0
"""How long a drained worker of a pod waits for its pod to be taken. If nobody takes it, it starts anew."""

DESCRIPTORS_PER_RUN = 18
"""Our ends and, for the moment of the fork, the run's ends of its pipes and its control channel; the same for
the helper beside it."""

OWN_DESCRIPTORS = 64
"""Those of the spare runners among them."""

UNHANDLED_ERRORS = ("Strict", "Warn", "Ignore")

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


LOG_BACKENDS = ("sql", "cloudwatch")

GROUP_NAME = re.compile(r"[A-Za-z0-9_/.#-]{1,512}")
"""What CloudWatch takes as the name of a log group."""

REGION_NAMES = ("NICE_LOGS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")


class BadSettings(Exception):
    """One line per mistake, each with what was expected."""


@dataclass(frozen=True)
class CloudLogs:
    """Logs in CloudWatch: where, and on which way. ``spool`` is the folder where lines wait, ``spool_bytes``
    how many of all attempts may; a worker that leaves spends up to ``drain_seconds`` on the last ones."""

    group: str
    region: str
    endpoint: str
    spool: Path
    spool_bytes: int
    drain_seconds: float


@dataclass(frozen=True)
class Settings:
    """How this worker lives. ``data`` is the data directory of the dev mode, whose lock it takes; without
    it ``operator_url`` says where to connect, with the token in ``token_file`` and believing ``ca_file``.
    ``zygote_socket``: where the zygote of another container listens; without it the worker starts its own.
    ``ready_file`` is there while runs can be given to it; its loop takes ``pulse_file`` away. Durations are
    seconds, sizes bytes. ``unhandled_errors`` is for tasks that choose none. ``cloud_logs``: None if the
    operator keeps logs."""

    data: Path | None
    operator_url: str
    token_file: Path | None
    ca_file: Path | None
    zygote_socket: Path | None
    ready_file: Path | None
    pulse_file: Path | None
    worker_name: str
    pool: str
    labels: Mapping[str, str]
    slots: int
    task_path: str
    preload: tuple[str, ...]
    runner_environment: Mapping[str, str]
    spare_runners: int
    drain_seconds: float
    alone_seconds: float
    drained_seconds: float
    log_budget: int
    log_limit: int
    unhandled_errors: str
    cloud_logs: CloudLogs | None = None

    @property
    def operator_socket(self) -> Path | None:
        """The Unix socket to connect to, unless ``operator_url`` is a URL to dial."""
        if self.operator_url.startswith("unix://"):
            return Path(self.operator_url.removeprefix("unix://"))
        return None


def read_settings(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Raises BadSettings. Arguments win over the environment."""
    options = _parse(arguments)
    read = _Reader(environ)
    data = Path(options.data).absolute() if options.data else None
    zygote_socket = read.path("NICE_ZYGOTE_SOCKET")
    settings = Settings(
        data=data,
        operator_url=f"unix://{data}/operator.sock" if data else read.url("NICE_OPERATOR_URL"),
        token_file=read.path("NICE_TOKEN_FILE"),
        ca_file=read.path("NICE_CA_FILE"),
        zygote_socket=zygote_socket,
        ready_file=read.path("NICE_READY_FILE"),
        pulse_file=read.path("NICE_PULSE_FILE"),
        worker_name=environ.get("NICE_WORKER_NAME") or ("local" if data else socket.gethostname()),
        pool=environ.get("NICE_POOL", "default"),
        labels=read.labels("NICE_LABELS"),
        slots=read.slots("NICE_SLOTS"),
        task_path=str(Path(options.task_path).absolute()) if options.task_path else "",
        preload=tuple(environ.get("NICE_PRELOAD", "").replace(",", " ").split()),
        runner_environment=_runner_environment(environ),
        spare_runners=int(read.number("NICE_SPARE_RUNNERS", 1, 0, MAX_SPARES, whole=True)),
        drain_seconds=read.number("NICE_DRAIN_SECONDS", 25, 0, 86400),
        alone_seconds=read.number("NICE_ALONE_SECONDS", FOR_EVER if zygote_socket else 600, 0, FOR_EVER),
        drained_seconds=DRAINED_SECONDS if zygote_socket else 0.0,
        log_budget=int(read.number("NICE_LOG_BUDGET_BYTES", 32 * MIB, MIB, 1 << 40, whole=True)),
        log_limit=int(read.number("NICE_LOG_LIMIT_BYTES", 100 * MIB, 1, 1 << 40, whole=True)),
        unhandled_errors=read.word("NICE_UNHANDLED_ERRORS", UNHANDLED_ERRORS, "Warn"),
        cloud_logs=read.cloud_logs(data),
    )
    if data is not None and not data.is_dir():
        read.mistakes.append(f"--data {data}: expected a directory, found none; start the operator first")
    if settings.task_path and not Path(settings.task_path).is_dir():
        read.mistakes.append(f"--task-path {settings.task_path}: expected a directory, found none")
    if read.mistakes:
        raise BadSettings("\n".join(read.mistakes))
    return settings


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nice-runner", description="A worker: executes runs for the operator it connects to."
    )
    parser.add_argument("--data", default="", help="data directory of a local operator (dev mode)")
    parser.add_argument("--task-path", default="", help="folder that is first on the import path of runs")
    return parser.parse_args(arguments)


def _runner_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """All that user code may find of our environment; credentials are never among it."""
    passed = {name: environ[name] for name in PASSED_ON if name in environ}
    return {"PATH": DEFAULT_PATH, "LANG": "C.UTF-8", **passed}


class _Reader:
    """Reads variables and gathers mistakes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def number(self, name: str, default: float, low: float, high: float, *, whole: bool = False) -> float:
        text = self._environ.get(name, "")
        try:
            value = (int(text) if whole else float(text)) if text else default
        except ValueError:
            value = float("nan")
        if low <= value <= high:
            return value
        kind = "a whole number" if whole else "a number"
        self.mistakes.append(f"{name}: expected {kind} from {low:g} to {high:g}, found {text!r}")
        return default

    def path(self, name: str) -> Path | None:
        text = self._environ.get(name, "")
        if text and not text.startswith("/"):
            self.mistakes.append(f"{name}: expected an absolute path, found {text!r}")
        return Path(text) if text else None

    def slots(self, name: str) -> int:
        room = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OWN_DESCRIPTORS) // DESCRIPTORS_PER_RUN
        default = min(max(4, 2 * (os.cpu_count() or 1)), room)
        slots = int(self.number(name, default, 1, MAX_SLOTS, whole=True))
        if slots > room:
            self.mistakes.append(
                f"{name}: {slots} runs at a time need more descriptors than this process may have; "
                f"expected at most {room}, or a higher limit (ulimit -n)"
            )
        return slots

    def url(self, name: str) -> str:
        text = self._environ.get(name, "").rstrip("/")
        if text.startswith(("unix:///", "ws://", "wss://")):
            return text
        self.mistakes.append(
            f"{name}: expected unix:///path, ws://host or wss://host, found {text!r}; or give --data DIR"
        )
        return ""

    def word(self, name: str, known: Sequence[str], default: str) -> str:
        text = self._environ.get(name) or default
        if text not in known:
            self.mistakes.append(f"{name}: expected one of {', '.join(known)}, found {text!r}")
        return text

    def cloud_logs(self, data: Path | None) -> CloudLogs | None:
        if self.word("NICE_LOGS_BACKEND", LOG_BACKENDS, "sql") != "cloudwatch":
            return None
        spool = data / "log-spool" if data else Path(tempfile.gettempdir()) / "nice-logs"
        return CloudLogs(
            group=self._group("NICE_LOGS_GROUP"),
            region=self._region(),
            endpoint=self._endpoint("NICE_LOGS_ENDPOINT_URL"),
            spool=self.path("NICE_LOGS_SPOOL_DIR") or spool,
            spool_bytes=int(self.number("NICE_LOGS_SPOOL_BYTES", 256 * MIB, 4 * MIB, 1 << 40, whole=True)),
            drain_seconds=self.number("NICE_LOGS_DRAIN_SECONDS", 4, 0, 3600),
        )

    def _group(self, name: str) -> str:
        text = self._environ.get(name, "")
        if not GROUP_NAME.fullmatch(text):
            self.mistakes.append(
                f"{name}: expected the name of a log group (letters, digits and _ - / . #, at most 512), "
                f"found {text!r}"
            )
        return text

    def _region(self) -> str:
        text = next(filter(None, (self._environ.get(name) for name in REGION_NAMES)), "")
        if not re.fullmatch(r"[a-z0-9-]{1,64}", text):
            self.mistakes.append(f"{REGION_NAMES[0]}: expected a region such as eu-west-1, found {text!r}")
        return text

    def _endpoint(self, name: str) -> str:
        text = self._environ.get(name, "")
        if text and not re.match(r"https?://[^/\s]+", text):
            self.mistakes.append(f"{name}: expected http://host or https://host, found {text!r}")
        return text

    def labels(self, name: str) -> dict[str, str]:
        labels = {}
        for pair in filter(None, self._environ.get(name, "").split(",")):
            key, equals, value = pair.partition("=")
            if not (key and equals):
                self.mistakes.append(f"{name}: expected key=value, found {pair!r}")
            labels[key] = value
        return labels
