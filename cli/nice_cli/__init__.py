"""nicectl, also `kubectl nice`: speaks HTTP to a server, and starts the dev mode as a process of its own.

What does not belong here: anything that decides. The server does; this asks, shows and exits with a code.
"""

from importlib.metadata import version as _installed


def version() -> str:
    """The version of this program."""
    return _installed("nice-cli")
