"""The command that makes a shell complete our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from nice_cli.called import NICECTL

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_NICECTL_COMPLETE"

HOW = """\b
For this shell:  source <(nicectl completion bash)
For all:         nicectl completion bash > ~/.local/share/bash-completion/completions/nicectl
                 nicectl completion zsh > a file _nicectl in a folder of $fpath
                 nicectl completion fish > ~/.config/fish/completions/nicectl.fish
As a plugin of kubectl, completion works where kubectl's own does.
"""


@click.command(epilog=HOW)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands and options."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"completion for {shell} is not known here")
    click.echo(kind(context.find_root().command, {}, NICECTL, VARIABLE).source())
