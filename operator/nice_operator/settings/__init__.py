"""What the operator is told at its start. The only reader of arguments and environment; it reports
every mistake at once."""

from nice_operator.settings.cluster import ClusterSettings, WorkerSettings
from nice_operator.settings.dev import DevSettings
from nice_operator.settings.kube import KubeSource
from nice_operator.settings.read import FillSettings, LintSettings, Settings, read_settings
from nice_operator.settings.words import is_loopback

__all__ = [
    "ClusterSettings",
    "DevSettings",
    "FillSettings",
    "KubeSource",
    "LintSettings",
    "Settings",
    "WorkerSettings",
    "is_loopback",
    "read_settings",
]
