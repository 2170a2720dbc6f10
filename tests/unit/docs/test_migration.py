"""The migration page: its manifests are good, its commands and addresses exist, every name has its row."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from nice_cli.app import nicectl
from nice_operator.folder import lint_paths
from nice_operator.settings import read_settings
from nice_operator.web.app import all_routes
from nice_operator.web.options import WebOptions

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "migration.md"
TEXT = PAGE.read_text(encoding="utf-8")
MANIFESTS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ (.*)$", TEXT, re.MULTILINE)
FIELDS = (
    "name description run(payload) timeoutAfter schedule shouldHostRun() unhandledRejections "
    "logEventSerializer(event)"
)
OPTIONS = (
    "taskDefinitionsDirectory mountPath readonlyMode logToStdout getUser(req) sqlConnectionOptions "
    "redisConnectionOptions setNotifyKeyspaceEvents awsRegion awsCredentials awsCloudWatchLogsLogGroupName"
)
ACTIONS = "GetTasks RunTask ScheduleTask UnscheduleTask RegisterTask GetTask SendResult"


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_manifest_of_the_page_is_good(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(manifest)

    (report,) = lint_paths([tmp_path])

    assert report.tasks
    assert not report.problems


def test_every_example_of_logs_is_good() -> None:
    (report,) = lint_paths([REPOSITORY / "examples" / "logs"])

    assert len(report.tasks) == 2
    assert not report.problems


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("bin/nicectl ")])
def test_every_command_of_the_page_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    words = shlex.split(command)[1:]

    context = nicectl.make_context("nicectl", list(words))
    name, subcommand, rest = nicectl.resolve_command(context, words)
    assert isinstance(subcommand, click.Command)
    subcommand.make_context(name, rest, parent=context)
    read_settings(words, {})


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("curl ")])
def test_every_address_of_the_page_is_served(command: str) -> None:
    words = shlex.split(command)
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    path = next(word for word in words if word.startswith("localhost:9999")).removeprefix("localhost:9999")

    routes = [(route.method, re.sub(r"{\w+}", "[^/]+", route.path)) for route in all_routes(WebOptions())]

    assert any(method == known and re.fullmatch(pattern, path) for known, pattern in routes)


@pytest.mark.parametrize("name", [*FIELDS.split(), *OPTIONS.split(), *ACTIONS.split()])
def test_every_name_of_the_ancestors_has_its_row(name: str) -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|")]

    assert any(f"`{name}`" in row.split("|")[1] for row in rows)


def test_every_file_that_the_page_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)

    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
