"""The nonce of a job: its claim, in a form that nobody can make up.

It names the run, the session and the epoch, so any server on the same database can read it, after a restart
too; a keyed digest over these and the worker's identity makes it unguessable and useless to others.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from uuid import UUID

from nice_operator.domain.ids import OutcomeId, RunId, SessionId
from nice_operator.ports import HeldRun

SECRET = "job-nonces"  # noqa: S105  the key's name, not the key
"""The name of the key in the store."""

_CLAIM = struct.Struct(">16s16sQ")
_DIGEST = 16
_LENGTH = (_CLAIM.size + _DIGEST) * 4 // 3 + 1
"""Characters of a nonce: base64 without padding."""


class Nonces:
    """Makes and reads nonces with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, held: HeldRun, identity: str) -> str:
        """The nonce under which a worker of ``identity`` reports ``held``."""
        claim = _CLAIM.pack(held.id.bytes, held.session.bytes, held.epoch)
        return urlsafe_b64encode(claim + self._digest(claim, identity)).decode().rstrip("=")

    def read(self, nonce: str, identity: str) -> HeldRun | None:
        """The claim that a nonce stands for; None when it is not one of ours for ``identity``."""
        raw = _decoded(nonce)
        if raw is None:
            return None
        claim, digest = raw[: _CLAIM.size], raw[_CLAIM.size :]
        if not hmac.compare_digest(digest, self._digest(claim, identity)):
            return None
        run, session, epoch = _CLAIM.unpack(claim)
        return HeldRun(RunId(UUID(bytes=run)), epoch, SessionId(UUID(bytes=session)))

    def _digest(self, claim: bytes, identity: str) -> bytes:
        return hmac.digest(self._key, claim + identity.encode(), "sha256")[:_DIGEST]


def outcome_id(held: HeldRun) -> OutcomeId:
    """The id of the report that a nonce is good for: the same however often it comes."""
    claim = _CLAIM.pack(held.id.bytes, held.session.bytes, held.epoch)
    return OutcomeId(UUID(bytes=hashlib.sha256(claim).digest()[:16]))


def _decoded(nonce: str) -> bytes | None:
    if len(nonce) != _LENGTH or not nonce.isascii():
        return None
    try:
        raw = urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4))
    except (NotBase64, ValueError):
        return None
    return raw if len(raw) == _CLAIM.size + _DIGEST else None
