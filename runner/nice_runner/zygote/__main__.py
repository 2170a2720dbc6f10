"""``python -m zygote``: forks keepers and runners for the supervisor at its socket."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from functools import partial
from typing import Tuple

from . import kernel
from .attempt import Place, keep_attempt
from .channel import Channel
from .confinement import find_confinement
from .door import Door, is_user
from .secrets import Places, Secrets, source_of
from .server import Zygote, preload

VERSION = 2
"""Of what supervisor and zygote say to each other: they may come from images of different releases."""


def main() -> None:
    options = _parse()
    kernel.name_process("nice-zygote")
    if options.listen is not None:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # process 1 would not hear it else
        _forget_own_folder()
    loaded = preload([name for name in options.preload.split(",") if name])
    confinement = find_confinement(_private_folders(options))
    place = Place(options.scratch or os.environ.get("TMPDIR") or "/tmp", options.code, confinement.domain)
    greeting = {
        "type": "hello",
        "version": VERSION,
        "pid": os.getpid(),
        "preloaded": loaded.modules,
        "failures": loaded.failures,
        "landlock": confinement.domain.abi,
        "trouble": confinement.trouble,
    }
    secrets = Secrets(Places(options.secret_variable, options.secret_path, options.secret_source))
    zygote = Zygote(partial(keep_attempt, place), options.hold, secrets)
    if options.listen is None:
        zygote.serve(_inherited(options), greeting)
        return
    for supervisor in Door(options.listen, options.peer_uid, zygote.alarm).supervisors():
        zygote.serve(supervisor, greeting)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="zygote", description=__doc__)
    socket_options = parser.add_mutually_exclusive_group(required=True)
    socket_options.add_argument("--fd", type=int, help="inherited descriptor of the supervisor's socket")
    socket_options.add_argument("--listen", help="path of a Unix socket to make; one peer at a time")
    parser.add_argument("--peer-uid", type=int, default=os.getuid(), help="user id that the peer must have")
    parser.add_argument(
        "--hold", type=int, action="append", default=[], help="descriptor kept open till the end"
    )
    parser.add_argument("--preload", default="", help="modules to import before forking, comma-separated")
    parser.add_argument("--code", default="", help="folder that is first on the import path of runs")
    parser.add_argument(
        "--scratch",
        default="",
        help="folder for the directories of runs, closed to other runs; default: TMPDIR or /tmp, open to all",
    )
    _add_secrets(parser)
    return parser.parse_args()


def _add_secrets(parser: argparse.ArgumentParser) -> None:
    """Where secrets are. What is in them is told to the supervisor alone."""
    parser.add_argument("--secret-variable", action="append", default=[], help="a variable that is secret")
    parser.add_argument("--secret-path", action="append", default=[], help="a file or folder that is secret")
    parser.add_argument(
        "--secret-source",
        action="append",
        default=[],
        type=source_of,
        help="FOLDER[=PREFIX] of a Secret whose keys are variables here, with that prefix",
    )


def _private_folders(options: argparse.Namespace) -> Tuple[str, ...]:
    """What no run may open: the socket's folder, and the directories of other runs. As somebody's own process
    (``--fd``) runs may open what their owner can."""
    if options.listen is None:
        return ()
    listen = os.path.dirname(os.path.abspath(options.listen))
    return (listen, os.path.abspath(options.scratch)) if options.scratch else (listen,)


def _forget_own_folder() -> None:
    """Take the place that we were copied to, and the working directory, off the path that user code imports
    by."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ours = {home, "", os.getcwd()}
    sys.path[:] = [entry for entry in sys.path if entry not in ours]
    rest = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry != home]
    if any(rest):
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)


def _inherited(options: argparse.Namespace) -> Channel:
    end = socket.socket(fileno=options.fd)
    if not is_user(end, options.peer_uid):
        raise SystemExit(2)
    return Channel(end)


if __name__ == "__main__":
    main()
