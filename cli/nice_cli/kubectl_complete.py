"""``kubectl_complete-nice``: what kubectl asks for the words that may follow in ``kubectl nice …``.

It prints one word in each line, and in the last one a number: 4, no names of files beside them.
"""

from __future__ import annotations

import sys

from click.shell_completion import ShellComplete

from nice_cli.app import nicectl
from nice_cli.called import NICECTL

NO_FILES = ":4"


def words(typed: list[str]) -> list[str]:
    """What may stand in the place of the last of ``typed``."""
    before, incomplete = typed[:-1], typed[-1] if typed else ""
    shell = ShellComplete(nicectl, {}, NICECTL, "")
    return [item.value for item in shell.get_completions(before, incomplete) if item.type == "plain"]


def main() -> None:
    """Print them."""
    print("\n".join([*words(sys.argv[1:]), NO_FILES]))
