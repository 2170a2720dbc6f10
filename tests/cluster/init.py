"""The first process of a machine: makes its namespaces, starts its components, buries its dead.

A machine is a set of namespaces (processes, mounts, network, host name). When this process is killed, the
kernel
kills every process of the machine and takes its mounts and network interfaces with them: nothing can be left.
Runs as a script of its own, with the standard library only: ``init.py HOSTNAME SOCKET``. Prints its process
id, as
the host sees it, when the machine is ready.

One request per connection on SOCKET, one JSON object each way:
``{"do": "start", "name", "argv", "environment", "log"}`` (a descriptor that comes along takes the place of
the
argument ``@descriptor``) · ``{"do": "signal", "name", "number"}`` ·
``{"do": "list"}`` → ``{"components": {name: {"pid", "ended"}}}``; ``{"error"}`` when it cannot be done.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mnt, uts, ipc, pid, net
MS_REC, MS_PRIVATE, MS_SHARED, MS_BIND = 0x4000, 0x40000, 0x100000, 0x1000
HOST_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What the kubelet sets and what is no namespace's own: the machine gets files of its own in their place."""

libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    _check(libc.mount(source.encode(), target.encode(), kind.encode(), flags, None), f"mount {target}")


def become_machine(hostname: str, folder: Path) -> None:
    """Called by the first process of the new namespaces."""
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    _mount("none", "/", "", MS_REC | MS_SHARED)  # the kubelet passes mounts on to containers
    _mount("proc", "/proc", "proc", 0)
    _mount("tmpfs", "/run", "tmpfs", 0)
    _own_folders(folder)
    for setting in HOST_SETTINGS:
        own, real = folder / "sysctl" / setting.replace("/", "."), f"/proc/sys/{setting}"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(Path(real).read_text())
        _mount(str(own), real, "", MS_BIND)
    socket.sethostname(hostname)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _own_folders(folder: Path) -> None:
    """What programs write below /var/lib and /var/log stays in the machine's folder; the clusters' files
    stay visible."""
    clusters = folder.parent.parent
    inside = folder / "var" / "lib" / clusters.name
    inside.mkdir(parents=True, exist_ok=True)
    (folder / "var" / "log").mkdir(exist_ok=True)
    _mount(str(clusters), str(inside), "", MS_BIND)
    for name in ("log", "lib"):
        _mount(str(folder / "var" / name), f"/var/{name}", "", MS_BIND | MS_REC)


class Components:
    """The programs of this machine, by name."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}
        self._ended: dict[int, int] = {}

    def start(
        self, name: str, argv: list[str], environment: dict[str, str], log: str, descriptors: list[int]
    ) -> dict[str, Any]:
        """Run a program with its output appended to ``log``. The name must be free."""
        if name in self._living():
            return {"error": f"{name} is running already (pid {self._pids[name]})"}
        words = [str(descriptors[0]) if word == "@descriptor" else word for word in argv]
        with open(log, "ab") as output:
            process = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, pass_fds=descriptors,
            )  # fmt: skip
        process.returncode = 0  # the dead are buried below; Popen itself must never wait
        self._pids[name] = process.pid
        return self.state()

    def signal(self, name: str, number: int) -> dict[str, Any]:
        """Send a signal to one program."""
        pid = self._pids.get(name)
        if pid is None or pid in self._ended:
            return {"error": f"{name} is not running; running are {', '.join(sorted(self._living()))}"}
        os.kill(pid, number)
        return self.state()

    def state(self) -> dict[str, Any]:
        """Every program ever started; ``ended`` is its wait status, or null."""
        return {"components": {n: {"pid": p, "ended": self._ended.get(p)} for n, p in self._pids.items()}}

    def bury(self) -> None:
        """Collect whoever died: programs, and orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._pids.values():
                self._ended[pid] = status

    def _living(self) -> list[str]:
        return [name for name, pid in self._pids.items() if pid not in self._ended]


def answer(components: Components, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """Do what one request asks."""
    try:
        match request.pop("do"):
            case "start":
                return components.start(**request, descriptors=descriptors)
            case "signal":
                return components.signal(**request)
            case "list":
                return components.state()
            case other:
                return {"error": f"unknown request {other!r}"}
    except (OSError, TypeError, IndexError) as error:
        return {"error": str(error)}


def serve(listener: socket.socket) -> None:
    """For ever: requests, and the dead."""
    components = Components()
    wake_read, wake_write = os.pipe()
    for end in (wake_read, wake_write):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(wake_read, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj == wake_read:
                os.read(wake_read, 4096)
            else:
                _one_request(listener, components)
        components.bury()


def _one_request(listener: socket.socket, components: Components) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        descriptors: list[int] = []
        try:
            line, descriptors, _, _ = socket.recv_fds(connection, 65536, 1)
            while line and not line.endswith(b"\n"):
                line += connection.recv(65536)
            components.bury()
            reply = answer(components, json.loads(line), descriptors)
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except (OSError, ValueError) as error:
            print(f"init: a request went wrong: {error}", file=sys.stderr, flush=True)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def main(hostname: str, path: str) -> None:
    """Make the machine; the parent tells the first process's id and leaves."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    ready_read, ready_write = os.pipe()
    _check(libc.unshare(NEW_NAMESPACES), "unshare")
    pid = os.fork()
    if pid:
        os.close(ready_write)
        if os.read(ready_read, 1):
            print(pid, flush=True)
        return
    os.setsid()
    become_machine(hostname, Path(path).parent)
    os.write(ready_write, b"!")
    os.close(ready_write)
    os.dup2(2, 1)
    serve(listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
