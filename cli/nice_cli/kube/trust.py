"""Believing a release whose Service speaks HTTPS: by its own authority and its own name, although the way to
it begins on this machine."""

from __future__ import annotations

import base64
import http.client
import os
import re
import ssl
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nice_cli.errors import Failure
from nice_cli.exits import Exit
from nice_cli.kube.kubectl import Absent, Forbidden, Kubectl
from nice_cli.kube.release import Release

CA = "ca.crt"
OWN_FILE = "SSL_CERT_FILE"
"""Python's own variable: a file with authorities, for whoever may not read the release's. Many have it set
for other servers, so it comes second."""
KINDS = ("secret", "configmap")
_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_ALONE = r"jsonpath={.data.ca\.crt}"


@dataclass(frozen=True, slots=True)
class Trust:
    """``name`` is what the certificate must be for; ``by`` tells which authority is believed, and why."""

    name: str
    by: str
    context: ssl.SSLContext = field(repr=False)

    def connection(self, host: str, timeout: float) -> http.client.HTTPConnection:
        """To ``host:port``, which leads to ``name``."""
        return _Connection(host, timeout=timeout, name=self.name, context=self.context)

    def handler(self) -> urllib.request.BaseHandler:
        """For an opener."""
        return _Handler(self)


def read_trust(kubectl: Kubectl, release: Release) -> Trust | None:
    """None where the Service speaks plain HTTP. Raises Failure that says what to do instead."""
    if not release.authority:
        return None
    name = f"{release.service}.{release.namespace}.svc"
    try:
        context = _by(release, _authority(kubectl, release))
        return Trust(name, f"{CA} of {release.authority}, which its Service names", context)
    except Failure as failure:
        file = os.environ.get(OWN_FILE)
        if not file:
            raise
        return Trust(name, f"{file} of {OWN_FILE}, because {failure}", ssl.create_default_context())


def _by(release: Release, authority: str) -> ssl.SSLContext:
    """Nobody else is believed: not the authorities of this machine either. Bundles have comments, in any
    language, which OpenSSL does not take."""
    blocks = _PEM.findall(authority)
    if not blocks:
        raise _untrusted(release, f"its {CA} holds no certificate in PEM form")
    try:
        return ssl.create_default_context(cadata="\n".join(blocks))
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise _untrusted(release, f"its {CA} is no certificate ({error})") from None


def _authority(kubectl: Kubectl, release: Release) -> str:
    """Asked for alone: a Secret may hold the server's key beside it."""
    kind, _, name = release.authority.partition("/")
    if kind not in KINDS:
        raise _untrusted(release, "expected secret/NAME or configmap/NAME")
    try:
        text = kubectl.call("get", kind, name, "-n", release.namespace, "-o", _ALONE)
    except Forbidden:
        raise _untrusted(release, "you may not read it") from None
    except Absent:
        raise _untrusted(release, "there is none") from None
    if not text:
        raise _untrusted(release, f"it has no {CA}")
    return base64.b64decode(text).decode(errors="replace") if kind == "secret" else text


def _untrusted(release: Release, why: str) -> Failure:
    return Failure(
        f"the certificate of {release} cannot be judged by {release.authority}: {why}. Ask whoever runs it "
        f"for the authority, and name its file in {OWN_FILE}.",
        Exit.SERVER,
    )


class _Connection(http.client.HTTPSConnection):
    """TLS for a name that is not the address."""

    def __init__(self, host: str, *, name: str, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(host, context=context, **options)
        self._name = name
        self._trust = context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._trust.wrap_socket(self.sock, server_hostname=self._name)


class _Handler(urllib.request.HTTPSHandler):
    def __init__(self, trust: Trust) -> None:
        super().__init__(context=trust.context)
        self._make = partial(_Connection, name=trust.name, context=trust.context)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)
