"""Names that say of a value that it is a secret, or that it is none."""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_ANYWHERE = ("password", "passwd", "passphrase", "apikey", "privatekey", "secretkey", "secretaccesskey")
_AT_THE_END = (
    *("secret", "secrets", "token", "tokens", "credential", "credentials", "authorization", "authtoken"),
    *("pwd", "cookie", "accesskey", "accountkey", "signingkey", "encryptionkey", "connectionstring"),
)
_PLAIN = frozenset(
    ("username", "user", "host", "hostname", "port", "database", "dbname", "namespace", "region", "type",
     "ca.crt", "tls.crt", "known_hosts")
)  # fmt: skip

FRAGMENTS = (b"pass", b"secret", b"token", b"credential", b"authorization", b"pwd", b"cookie",
             b"connectionstring", b"connection_string", b"connection-string")  # fmt: skip
KEYS = tuple(
    b"%b%bkey" % (kind, between)
    for kind in (b"api", b"private", b"access", b"account", b"signing", b"encryption")
    for between in (b"", b"_", b"-", b" ", b".")
)
"""In lower case: every name that looks secret has one of FRAGMENTS or KEYS in it. What separates its words is
nothing or one of ``_-.`` or a space."""


def looks_secret(name: str) -> bool:
    """Whether what is called so is a secret: ``db_password``, ``apiKey``, ``X-Auth-Token``. Not
    ``tokenizer`` or ``secretName``."""
    joined = "".join(_WORDS.findall(name)).lower()
    return joined.endswith(_AT_THE_END) or any(word in joined for word in _ANYWHERE)


def counts_tokens(name: str) -> bool:
    """Whether a number under this name is a count rather than a secret (``maxTokens``)."""
    return "".join(_WORDS.findall(name)).lower().endswith(("token", "tokens"))


def is_plain(name: str) -> bool:
    """Whether a part of a Secret that is called so is none itself, as the ``username`` beside a password:
    masking it would make logs and results unreadable and hide nothing."""
    last = re.split(r"[^a-z0-9]+", name.lower())[-1]
    return name.lower() in _PLAIN or last in _PLAIN
