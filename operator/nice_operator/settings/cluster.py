"""What the operator is told in a cluster: all of it by its environment, which the chart writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.settings.logs import CloudWatchSettings, read_logs
from nice_operator.settings.words import (
    DEFAULT_PORT,
    DEFAULT_RATE,
    is_address,
    read_level,
    read_port,
    read_rate,
    read_switch,
    read_timeout,
)
from nice_operator.web.behind import Behind, read_behind

AUTHORITY_KINDS = ("secret", "configmap")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the pods of all pools are made with. ``operator_url`` is where they find us; ``authority`` is
    what their supervisors believe our certificate by: kind and name of an object with a ``ca.crt`` in the
    namespace of each pool (None: the authorities that the image knows)."""

    operator_url: str
    image: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""
    authority: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """``namespace`` is the release's own, which the root paths serve; ``watched`` are the namespaces whose
    tasks are run (empty: all), ``with_pools`` those where pools become Deployments. ``database``, ``redis``
    (None: there is none) and ``tokens`` are directories with one file per value. ``default_pool`` is a file
    with the pool that the release brings (None: it brings none), from the ConfigMap of that name.
    ``logs`` None: they are kept in the database. ``client_rate``: requests a second
    of one client (0: any number). ``tls``: the directory with our certificate and its key (None: plain
    HTTP)."""

    namespace: str
    pod: str
    host: str
    port: int
    log_level: str
    watched: tuple[str, ...]
    with_pools: tuple[str, ...]
    database: Path
    redis: Path | None
    tokens: Path
    workers: WorkerSettings
    default_pool: Path | None
    default_pool_config_map: str
    view_only: bool
    undeclared_tasks: bool
    undeclared_timeout: timedelta
    behind: Behind = field(default_factory=Behind)
    logs: CloudWatchSettings | None = None
    client_rate: float = DEFAULT_RATE
    tls: Path | None = None


def read_cluster(environment: Mapping[str, str]) -> ClusterSettings:
    """Raises InvalidInput with every problem found."""
    read = _Reader(environment)
    host = read.text("HOST", "0.0.0.0")  # noqa: S104  everybody is asked for a token
    if not is_address(host):
        read.problems.append(Problem("HOST", f"is {host!r}; expected an address of this pod, or 0.0.0.0"))
    settings = ClusterSettings(
        namespace=read.needed("NICE_NAMESPACE", "the namespace of the release"),
        pod=read.needed("NICE_POD_NAME", "the name of this pod"),
        host=host,
        port=read_port("PORT", read.text("PORT", str(DEFAULT_PORT)), read.problems),
        log_level=read_level(read.text("NICE_LOG_LEVEL", "info"), read.problems),
        watched=read.words("NICE_WATCH_NAMESPACES"),
        with_pools=read.words("NICE_POOL_NAMESPACES"),
        database=Path(read.needed("NICE_DATABASE_DIR", "the directory that says where the database is")),
        redis=read.path("NICE_REDIS_DIR"),
        tokens=Path(read.needed("NICE_TOKEN_DIR", "the directory with the tokens of clients")),
        workers=read.workers(),
        default_pool=read.path("NICE_DEFAULT_POOL_FILE"),
        default_pool_config_map=read.text("NICE_DEFAULT_POOL_CONFIG_MAP"),
        view_only=read.switch("NICE_VIEW_ONLY"),
        undeclared_tasks=read.switch("NICE_UNDECLARED_TASKS"),
        undeclared_timeout=read_timeout(
            "NICE_UNDECLARED_TIMEOUT_AFTER",
            read.text("NICE_UNDECLARED_TIMEOUT_AFTER", "24 hours"),
            read.problems,
        ),
        behind=read.behind(),
        logs=read_logs(environment, read.problems),
        tls=read.path("NICE_TLS_DIR"),
        client_rate=read_rate(read.text("NICE_CLIENT_RATE", str(DEFAULT_RATE)), read.problems),
    )
    if read.problems:
        raise InvalidInput("the settings cannot be used", tuple(read.problems))
    return settings


class _Reader:
    """Reads variables and gathers problems. An empty variable is one that is not set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[Problem] = []

    def text(self, name: str, default: str = "") -> str:
        return self._environment.get(name) or default

    def needed(self, name: str, what: str) -> str:
        text = self.text(name)
        if not text:
            self.problems.append(Problem(name, f"is not set; expected {what}"))
        return text

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word for word in self.text(name).replace(",", " ").split() if word)

    def path(self, name: str) -> Path | None:
        text = self.text(name)
        return Path(text) if text else None

    def switch(self, name: str) -> bool:
        return read_switch(name, self.text(name, "off"), self.problems)

    def workers(self) -> WorkerSettings:
        url = self.needed(
            "NICE_OPERATOR_URL", "where workers find this operator, as ws://nice-commander.nice:9999"
        )
        if url and not url.startswith(("ws://", "wss://")):
            self.problems.append(Problem("NICE_OPERATOR_URL", f"is {url!r}; expected ws://… or wss://…"))
        return WorkerSettings(
            operator_url=url,
            image=self.needed("NICE_WORKER_IMAGE", "the image of the workers' supervisor"),
            pull_policy=self.text("NICE_WORKER_PULL_POLICY", "IfNotPresent"),
            pull_secrets=self.words("NICE_WORKER_PULL_SECRETS"),
            service_account=self.text("NICE_WORKER_SERVICE_ACCOUNT"),
            authority=self.authority("NICE_WORKER_CA"),
        )

    def authority(self, name: str) -> tuple[str, str] | None:
        text = self.text(name)
        kind, _, object_name = text.partition("/")
        if text and (kind not in AUTHORITY_KINDS or not object_name):
            self.problems.append(Problem(name, f"is {text!r}; expected secret/NAME or configmap/NAME"))
        return (kind, object_name) if text else None

    def behind(self) -> Behind:
        return read_behind(
            self.text("NICE_BASE_PATH"),
            self.words("NICE_HOSTS"),
            self.words("NICE_TRUSTED_PROXIES"),
            (
                self.text("NICE_USER_HEADER", "X-Forwarded-User"),
                self.text("NICE_EMAIL_HEADER", "X-Forwarded-Email"),
            ),
            self.problems,
        )
