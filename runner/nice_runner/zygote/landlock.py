"""Landlock: a domain per run, which no process in it can leave. Needs no privilege (Linux 5.19 and later).

A process in a domain can neither trace one outside it nor read its ``environ``, ``mem`` or descriptors, be
it of the same user; from ABI 6 on it cannot signal it nor reach its abstract sockets either. It keeps all
its power over processes of its own domain, and whoever is outside can still end it.

Landlock names what is allowed, so a folder is denied by allowing all its siblings, and those of its parents.
The price is that nothing can be made directly in a parent of a denied folder (``/`` and ``/run`` in a pod).
Listing is not restricted, or ``ls /`` would fail: a run may see names there, and open nothing.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from contextlib import suppress
from typing import Iterator, List, NamedTuple, Sequence, Set, Tuple

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls; the same on every architecture, since all new ones are numbered alike."""

ABI_OF_REFER, ABI_OF_TRUNCATE, ABI_OF_NETWORK, ABI_OF_SCOPES = 2, 3, 4, 6

GET_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE = 1 << 0, 1 << 1, 1 << 2
CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13))
REFER, TRUNCATE = 1 << 13, 1 << 14
SCOPES = 0b11
"""Abstract Unix sockets, and signals."""

_libc = ctypes.CDLL(None, use_errno=True)


class Domain(NamedTuple):
    """What runs are confined to. ``abi`` 0: the kernel offers nothing of use. ``denied``: folders whose files
    they can neither open nor change."""

    abi: int
    denied: Tuple[str, ...]

    def enter(self, own: str) -> None:
        """Confine this process, which has given up new privileges, and all that it will start. ``own`` is a
        folder of its own, which it keeps though it lies in a denied one. Raises OSError."""
        if self.abi == 0:
            return
        denied = _outermost(self.denied)
        rights = _rights(self.abi) if denied or self.abi < ABI_OF_SCOPES else 0
        ruleset = _create(self.abi, rights)
        try:
            if rights:
                for path in (*_all_but(denied), own):
                    _allow(ruleset, path, rights)
            _checked(_libc.syscall(RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
        finally:
            os.close(ruleset)


def abi() -> int:
    """The kernel's version of Landlock, or 0: before version 2 no file could be moved between folders."""
    version = int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), GET_VERSION))
    return version if version >= ABI_OF_REFER else 0


def _rights(version: int) -> int:
    rights = EXECUTE | WRITE_FILE | READ_FILE | CHANGE_DIRECTORY | REFER
    return rights | TRUNCATE if version >= ABI_OF_TRUNCATE else rights


def _create(version: int, rights: int) -> int:
    attributes = struct.pack("=Q", rights)
    if version >= ABI_OF_SCOPES:
        attributes += struct.pack("=QQ", 0, SCOPES)
    size = ctypes.c_size_t(len(attributes))
    return _checked(_libc.syscall(CREATE_RULESET, attributes, size, 0), "landlock_create_ruleset")


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # gone since it was listed, or not ours to reach
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
        rule = struct.pack("=Qi", rights, place)
        _checked(_libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0), f"landlock_add_rule({path})")
    finally:
        os.close(place)


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return int(result)


def _outermost(paths: Sequence[str]) -> List[str]:
    """Without links, and without those that lie in another."""
    real = {os.path.realpath(path) for path in paths}
    return [path for path in real if not real.intersection(_parents(path))]


def _all_but(denied: Sequence[str]) -> Iterator[str]:
    """Paths that together cover everything but the denied ones. Links are left out: what they lead to
    counts."""
    ancestors: Set[str] = {parent for path in denied for parent in _parents(path)}
    if not ancestors:
        yield "/"
    for parent in ancestors:
        with suppress(OSError):
            for name in os.listdir(parent):
                path = os.path.join(parent, name)
                if path not in ancestors and path not in denied and not os.path.islink(path):
                    yield path


def _parents(path: str) -> Iterator[str]:
    while path != "/":
        path = os.path.dirname(path)
        yield path
