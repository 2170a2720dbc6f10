"""``python -m zygote``: forks keepers and runners for the one supervisor at its socket."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from functools import partial

from . import kernel
from .attempt import Place, keep_attempt
from .channel import Channel, peer_user
from .server import Zygote, preload


def main() -> None:
    options = _parse()
    end = _accept(options) if options.fd is None else _inherited(options)
    kernel.name_process("nice-zygote")
    loaded = preload([name for name in options.preload.split(",") if name])
    keep = partial(keep_attempt, Place(options.scratch, options.code))
    greeting = {"type": "hello", "pid": os.getpid(), "preloaded": loaded.modules, "failures": loaded.failures}
    Zygote(Channel(end), keep, options.hold).serve(greeting)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="zygote", description=__doc__)
    socket_options = parser.add_mutually_exclusive_group(required=True)
    socket_options.add_argument("--fd", type=int, help="inherited descriptor of the supervisor's socket")
    socket_options.add_argument("--listen", help="path of a Unix socket; the first peer is the only one")
    parser.add_argument("--peer-uid", type=int, default=os.getuid(), help="user id that the peer must have")
    parser.add_argument(
        "--hold", type=int, action="append", default=[], help="descriptor kept open till the end"
    )
    parser.add_argument("--preload", default="", help="modules to import before forking, comma-separated")
    parser.add_argument("--code", default="", help="folder that is first on the import path of runs")
    parser.add_argument(
        "--scratch", default=os.environ.get("TMPDIR", "/tmp"), help="where runs get their directories"
    )
    return parser.parse_args()


def _inherited(options: argparse.Namespace) -> socket.socket:
    end = socket.socket(fileno=options.fd)
    if not _is_supervisor(end, options):
        raise SystemExit(2)
    return end


def _accept(options: argparse.Namespace) -> socket.socket:
    """Wait for the supervisor; anybody else is turned away."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(options.listen)
        listener.listen(1)
        while True:
            end = listener.accept()[0]
            if _is_supervisor(end, options):
                return end
            end.close()


def _is_supervisor(end: socket.socket, options: argparse.Namespace) -> bool:
    user = peer_user(end)
    trusted: bool = user == options.peer_uid
    if not trusted:
        print(f"zygote: refused a peer of user {user}; expected {options.peer_uid}", file=sys.stderr)
    return trusted


if __name__ == "__main__":
    main()
