"""``lint``: what is wrong with manifests, on stdout, without a server."""

from __future__ import annotations

from nice_operator.bootstrap.console import say
from nice_operator.folder import lint_paths, render_json, render_text
from nice_operator.settings import LintSettings


def run_lint(settings: LintSettings) -> int:
    """Returns the exit code: 0 when nothing is wrong, 1 otherwise."""
    reports = lint_paths(settings.paths)
    say(render_json(reports) if settings.as_json else render_text(reports))
    return 1 if any(report.problems for report in reports) else 0
