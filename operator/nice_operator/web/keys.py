"""What handlers find in the application."""

from __future__ import annotations

from aiohttp import web
from jinja2 import Environment

from nice_operator.engine.service import Engine
from nice_operator.ports import WorkerIdentity
from nice_operator.web.definitions import Definitions
from nice_operator.web.options import WebOptions
from nice_operator.web.tokens import Client
from nice_operator.web.visits import Visit

ENGINE = web.AppKey("engine", Engine)
DEFINITIONS: web.AppKey[Definitions] = web.AppKey("definitions")
OPTIONS = web.AppKey("options", WebOptions)
TEMPLATES = web.AppKey("templates", Environment)
REQUEST_ID = web.RequestKey("request_id", str)
VIEWER = web.RequestKey("viewer", str)
"""What pages call the user; empty when nobody vouches for a name."""
CLIENT = web.RequestKey("client", Client)
"""Whose token let the request in; absent where nobody is asked."""
VISIT = web.RequestKey("visit", Visit)
"""The client's presence, which a revoked token ends."""
WORKER = web.RequestKey("worker", WorkerIdentity)
"""Who a worker of a pool is, as its token proves."""
