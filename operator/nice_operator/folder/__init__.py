"""A watched directory of YAML → the engine (dev mode), and the same reading for ``lint``.

No engine, no database and no clock that decides belongs here: what a task becomes, its sink decides.
"""

from nice_operator.folder.lint import lint_paths, render_json, render_text
from nice_operator.folder.report import FileReport, FolderReport
from nice_operator.folder.sink import TaskSink
from nice_operator.folder.source import FolderSource

__all__ = [
    "FileReport",
    "FolderReport",
    "FolderSource",
    "TaskSink",
    "lint_paths",
    "render_json",
    "render_text",
]
