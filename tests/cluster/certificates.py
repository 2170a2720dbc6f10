"""Keys and certificates of one cluster, made by openssl: one authority that signs all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.problem import Problem

DAYS = "30"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs for one cluster; its files lie in ``folder``."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """A new authority in a new folder that only root can read."""
        folder.mkdir(parents=True, mode=0o700)
        authority = cls(folder)
        root = authority.pair("ca")
        _request(
            root, "/CN=nice-cluster", ["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign,cRLSign"]
        )
        return authority

    @property
    def root(self) -> Path:
        """The certificate to trust."""
        return self.pair("ca").certificate

    def pair(self, name: str) -> Pair:
        """Where the certificate ``name`` lies, or will lie."""
        return Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def issue(self, name: str, user: str, group: str = "", hosts: Sequence[str] = ()) -> Pair:
        """A certificate for ``user`` of ``group`` as a client and, when ``hosts`` are given, for them as a
        server."""
        usage = "clientAuth,serverAuth" if hosts else "clientAuth"
        extensions = ["keyUsage=critical,digitalSignature", f"extendedKeyUsage={usage}"]
        if hosts:
            extensions.append("subjectAltName=" + ",".join(_alternative(host) for host in hosts))
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        _request(self.pair(name), subject, extensions, signed_by=self.pair("ca"))
        return self.pair(name)

    def issue_token_keys(self) -> Pair:
        """The key that signs service account tokens; ``certificate`` is its public half."""
        pair = Pair(self.folder / "tokens.pub", self.folder / "tokens.key")
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(pair.key))
        _openssl("pkey", "-in", str(pair.key), "-pubout", "-out", str(pair.certificate))
        return pair


def _request(pair: Pair, subject: str, extensions: Sequence[str], signed_by: Pair | None = None) -> None:
    command = ["req", "-x509", *NEW_KEY, "-days", DAYS, "-subj", subject]
    command += ["-keyout", str(pair.key), "-out", str(pair.certificate), "-config", "/dev/null"]
    for extension in extensions:
        command += ["-addext", extension]
    if signed_by:
        command += ["-CA", str(signed_by.certificate), "-CAkey", str(signed_by.key)]
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    _openssl(*command)


def _alternative(host: str) -> str:
    return f"IP:{host}" if host.replace(".", "").isdigit() else f"DNS:{host}"


def _openssl(*arguments: str) -> None:
    answer = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Problem(
            f"openssl {arguments[0]} failed (version 3.0 or newer is needed): {answer.stderr.strip()}"
        )
