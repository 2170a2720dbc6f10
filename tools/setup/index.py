"""Fetch one file of a package index by its simple API (PEP 691), checked against a known SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import console

DEFAULT = "https://pypi.org/simple"
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
TIMEOUT_SECONDS = 30
BLOCK = 256 * 1024


def address() -> str:
    """The index in use: the one that uv or pip are told to use, else PyPI."""
    named = (os.environ.get(variable) for variable in INDEX_VARIABLES)
    return next((url for url in named if url), DEFAULT).rstrip("/")


def download(package: str, file: str, sha256: str, target: Path) -> None:
    """Write ``file`` of ``package`` to ``target``. Raises ``console.Problem``."""
    page = f"{address()}/{package}/"
    try:
        url = _file_url(page, file)
        digest = _save(url, target)
    except (OSError, ValueError) as error:
        raise _unreachable(page, error) from error
    if digest != sha256:
        target.unlink(missing_ok=True)
        raise console.Problem(
            f"{file} from {page} has the SHA-256 {digest}; expected {sha256}. "
            "It was changed on its way or by that index: nothing of it was used."
        )


def _file_url(page: str, file: str) -> str:
    with _open(page, "application/vnd.pypi.simple.v1+json") as answer:
        if "json" not in answer.headers.get("Content-Type", ""):
            raise ValueError("it does not answer in JSON (PEP 691)")
        listing = json.loads(answer.read())
    for entry in listing["files"]:
        if entry["filename"] == file:
            return urllib.parse.urljoin(page, str(entry["url"]))
    raise ValueError(f"it does not have {file}")


def _save(url: str, target: Path) -> str:
    """Returns the SHA-256 of what was written."""
    digest, done = hashlib.sha256(), 0
    with _open(url, "*/*") as answer, target.open("wb") as out:
        progress = console.Progress(
            target.name.split("-py3")[0], int(answer.headers.get("Content-Length", 0))
        )
        while block := answer.read(BLOCK):
            out.write(block)
            digest.update(block)
            done += len(block)
            progress.at(done)
    return digest.hexdigest()


def _open(url: str, accept: str) -> Any:
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "nice-commander-setup"})
    context = ssl.create_default_context(cafile=_certificates())
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context)


def _certificates() -> str | None:
    named = (os.environ.get(variable) for variable in CERTIFICATE_VARIABLES)
    return next((path for path in named if path and os.path.isfile(path)), None)


def _unreachable(page: str, error: Exception) -> console.Problem:
    reason = getattr(error, "reason", error)
    certificates = isinstance(reason, ssl.SSLError)
    remedy = (
        "The machine does not trust its certificate: apt-get install ca-certificates, or set SSL_CERT_FILE."
        if certificates
        else "Check the network (https_proxy is honoured), or name another index with PIP_INDEX_URL, "
        "or install uv yourself."
    )
    return console.Problem(f"uv could not be fetched from {page}: {reason}. {remedy}")
