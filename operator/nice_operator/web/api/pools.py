"""Pools: who works, what waits, and what is wrong."""

from __future__ import annotations

from aiohttp import web

from nice_operator.web.answers import json_response
from nice_operator.web.keys import ENGINE
from nice_operator.web.pool_documents import pool_document, whole_pool_document
from nice_operator.web.routing import Access, Operation, Route


async def list_pools(request: web.Request) -> web.Response:
    """All pools."""
    views = await request.app[ENGINE].pool_overview.list()
    return json_response({"pools": [pool_document(view) for view in views]})


async def get_pool(request: web.Request) -> web.Response:
    """One pool with its workers."""
    place = request.match_info["namespace"], request.match_info["name"]
    return json_response(whole_pool_document(await request.app[ENGINE].pool_overview.get(*place)))


ROUTES = (
    Route(
        "GET", "/api/v1/pools", list_pools, Access.READ,
        Operation("Pools: workers, slots, what waits, their Deployments, what is wrong", {200: "The pools"}),
    ),
    Route(
        "GET", "/api/v1/pools/{namespace}/{name}", get_pool, Access.READ,
        Operation("One pool with its workers", {200: "The pool", 404: "No such pool"}),
    ),
)  # fmt: skip
