"""What of this container is secret: told to the supervisor, which keeps it out of logs and results.

Which variables and files are, the operator says by name on our command line; the contents are here alone.
They go to the supervisor over our socket, as a file in memory, and nowhere else.
"""

from __future__ import annotations

import json
import os
from itertools import islice
from typing import Dict, Iterator, NamedTuple, Sequence, Tuple

LARGEST = 256 * 1024
"""Bytes of a file that is read. Larger ones are hardly secrets, and no line would be compared with them."""

MOST = 1024
"""Files that are read."""

Part = Tuple[str, str]
"""A part of a Secret: its name and its content; bytes that are no UTF-8 are lone surrogates."""


class Places(NamedTuple):
    """Where secrets are. ``variables``: names in the environment. ``paths``: files, or folders of files.
    ``sources``: folders and prefixes; a file there is the variable of that name behind the prefix."""

    variables: Sequence[str] = ()
    paths: Sequence[str] = ()
    sources: Sequence[Tuple[str, str]] = ()


class Secrets:
    """Reads them, and anew when a file has changed (Kubernetes exchanges the files of a changed Secret)."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._seen: Dict[str, object] = {}
        self._parts: Dict[Part, None] = dict.fromkeys(self._of_environment())

    def __bool__(self) -> bool:
        return any(self._places)

    @property
    def changeable(self) -> bool:
        """Whether any may change while we live."""
        return bool(self._places.paths or self._places.sources)

    def refresh(self) -> bool:
        """Read the files that are new or changed. Returns whether there were any."""
        found = dict(_identities(self._files()))
        changed = [path for path, identity in found.items() if self._seen.get(path) != identity]
        self._seen = found
        self._parts.update((part, None) for path in changed for part in self._of_file(path))
        return bool(changed)

    def as_descriptor(self) -> int:
        """All that was ever read, as JSON in a file of memory that the caller closes."""
        memory = os.memfd_create("secrets")
        with open(memory, "wb", closefd=False) as file:
            file.write(json.dumps(list(self._parts)).encode())
        return memory

    def _of_environment(self) -> Iterator[Part]:
        for name in self._places.variables:
            if name in os.environ:
                yield name, os.environ[name]

    def _files(self) -> Iterator[str]:
        for root in (*self._places.paths, *(folder for folder, _ in self._places.sources)):
            if os.path.isfile(root):
                yield root
            for folder, folders, names in os.walk(root, followlinks=True):
                folders[:] = [name for name in folders if not name.startswith("..")]
                yield from (os.path.join(folder, name) for name in sorted(names))

    def _of_file(self, path: str) -> Iterator[Part]:
        name = os.path.basename(path)
        try:
            with open(path, "rb") as file:
                yield name, file.read(LARGEST).decode("utf-8", "surrogateescape")
        except OSError:
            return  # what we cannot read, runs of the same user cannot
        for folder, prefix in self._places.sources:
            if path.startswith(folder + "/") and prefix + name in os.environ:
                yield prefix + name, os.environ[prefix + name]


def _identities(paths: Iterator[str]) -> Iterator[Tuple[str, object]]:
    for path in islice(paths, MOST):
        try:
            stat = os.stat(path)
        except OSError:
            continue  # it went in between
        if stat.st_size <= LARGEST:
            yield path, (stat.st_ino, stat.st_mtime_ns, stat.st_size)


def source_of(text: str) -> Tuple[str, str]:
    """``FOLDER`` or ``FOLDER=PREFIX``."""
    folder, _, prefix = text.partition("=")
    return folder.rstrip("/"), prefix
