"""The tokens of clients: a directory with one file per client, its name the client's, its content the token.

That is how Kubernetes mounts a Secret. The directory is read again while we run: a file that is gone, or
holds another token, revokes the old one. Tokens are kept and compared as digests only.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nice_operator.domain.errors import InvalidInput, Problem

_log = logging.getLogger(__name__)

SHORTEST = 16
LONGEST = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,252}")
"""Not what editors call their backups (``alice~``): an old token must not live on in one."""
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Client:
    """Whom a token belongs to. ``proof`` is the token's digest: another token of the same client is another
    proof."""

    name: str
    proof: bytes


class Tokens:
    """See the module. ``client`` is asked for every request; ``refresh`` reads the directory again."""

    def __init__(self, directory: Path) -> None:
        """Raises InvalidInput when the directory or one of its files cannot be used."""
        self._directory = directory
        self._key = secrets.token_bytes(32)
        self._clients: Mapping[bytes, Client] = {}
        self._told: tuple[Problem, ...] = ()
        problems = self.refresh()
        if problems:
            raise InvalidInput("the tokens cannot be used", problems)

    def client(self, token: str) -> Client | None:
        """Whose token it is; None: nobody's.

        The time this takes tells nothing of any token: what is looked up is a digest under a key that only
        this process knows.
        """
        return self._clients.get(self._digest(token))

    def knows(self, client: Client) -> bool:
        """Whether the token still counts that a client came with."""
        return self._clients.get(client.proof) == client

    def __len__(self) -> int:
        return len(self._clients)

    def refresh(self) -> tuple[Problem, ...]:
        """Read the directory; what is wrong with a file costs only its own client the access. While the
        directory itself cannot be read, what was known before goes on to count."""
        problems: list[Problem] = []
        try:
            found = dict(_files(self._directory, problems))
        except OSError as error:
            problems = [Problem("--tokens", f"{self._directory} cannot be read: {error.strerror}")]
            found = None
        if found is not None:
            self._clients = self._by_digest(found, problems)
        self._tell(tuple(problems))
        return tuple(problems)

    def _by_digest(self, found: Mapping[str, str], problems: list[Problem]) -> Mapping[bytes, Client]:
        clients: dict[bytes, Client] = {}
        for name, token in sorted(found.items()):
            digest = self._digest(token)
            if digest in clients:
                problems.append(
                    _problem(name, f"holds the token of {clients[digest].name}; give each client its own")
                )
            else:
                clients[digest] = Client(name, digest)
        return clients

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode("utf-8", "surrogatepass"), "sha256")

    def _tell(self, problems: tuple[Problem, ...]) -> None:
        """Once for each change, not every second."""
        if problems != self._told:
            for problem in problems:
                _log.error("%s", problem)
        self._told = problems


def _files(directory: Path, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Clients and tokens. Hidden files are none: Kubernetes keeps its own links there (``..data``)."""
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        try:
            with path.open("rb") as file:
                content = file.read(LONGEST + 3)
        except FileNotFoundError:
            continue  # removed just now
        except OSError as error:
            problems.append(
                _problem(path.name, f"cannot be read: {error.strerror}; a file per client is read")
            )
            continue
        wrong = _wrong(path.name, token := content.decode("utf-8", "replace").rstrip("\r\n"))
        if wrong:
            problems.append(_problem(path.name, wrong))
        else:
            yield path.name, token


def _wrong(name: str, token: str) -> str:
    if not _NAME.fullmatch(name):
        return "is no name of a client: expected letters, digits and . _ @ -; rename or remove the file"
    if not SHORTEST <= len(token) <= LONGEST:
        return (
            f"holds a token of {len(token)} characters; expected {SHORTEST} to {LONGEST}. "
            "Make one with `openssl rand -hex 32`"
        )
    if not _TOKEN.fullmatch(token):
        return (
            "holds characters that no header can carry; expected one line of printable ASCII without spaces. "
            "Make one with `openssl rand -hex 32`"
        )
    return ""


def _problem(name: str, message: str) -> Problem:
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Problem("--tokens", f"the file {shown!r} {message}")
