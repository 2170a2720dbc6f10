"""Whether runs can be confined here, tried once before the first of them."""

from __future__ import annotations

import os
from typing import NamedTuple, Sequence

from . import kernel, landlock


class Confinement(NamedTuple):
    """What runs will be confined to, and for people why it is less than wanted ("" if it is not)."""

    domain: landlock.Domain
    trouble: str


def find_confinement(denied: Sequence[str]) -> Confinement:
    """The domain that works here: a kernel may offer Landlock, and a sandbox around us forbid it."""
    version = landlock.abi()
    if version == 0:
        return Confinement(landlock.Domain(0, ()), "this kernel offers no Landlock, or a too old one")
    domain = landlock.Domain(version, tuple(denied))
    trouble = _try(domain)
    if trouble:
        return Confinement(landlock.Domain(0, ()), trouble)
    return Confinement(domain, "")


def _try(domain: landlock.Domain) -> str:
    """Enter it in a process of its own. Returns what went wrong."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _report_entering(domain, writer)
    os.close(writer)
    with open(reader, "rb") as report:
        trouble = report.read().decode("utf-8", "replace")
    os.waitpid(pid, 0)
    return trouble


def _report_entering(domain: landlock.Domain, writer: int) -> None:
    try:
        kernel.give_up_new_privileges()
        domain.enter("/tmp")
    except BaseException as error:
        os.write(writer, (str(error) or type(error).__name__).encode())
    finally:
        os._exit(0)
