"""Style sheet and scripts, read once; their version is in their address, so browsers keep them for good."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from aiohttp import web

from nice_operator.web.routing import Access, Route

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def _read() -> dict[str, bytes]:
    folder = files("nice_operator.web") / "static"
    return {
        file.name: file.read_bytes()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if "." + file.name.rpartition(".")[2] in _TYPES
    }


FILES = _read()
VERSION = sha256(b"\0".join(FILES.values())).hexdigest()[:12]


async def static_file(request: web.Request) -> web.Response:
    """One of our own files; nothing else of the disk can be named."""
    name = request.match_info["file"]
    if name not in FILES:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    kind = _TYPES["." + name.rpartition(".")[2]]
    return web.Response(body=FILES[name], content_type=kind, charset="utf-8", headers=headers)


ROUTES = (Route("GET", "/static/{version}/{file}", static_file, Access.OPEN),)
