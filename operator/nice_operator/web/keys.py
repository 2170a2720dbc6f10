"""What handlers find in the application."""

from __future__ import annotations

from aiohttp import web
from jinja2 import Environment

from nice_operator.engine.service import Engine
from nice_operator.web.definitions import Definitions
from nice_operator.web.options import WebOptions

ENGINE = web.AppKey("engine", Engine)
DEFINITIONS: web.AppKey[Definitions] = web.AppKey("definitions")
OPTIONS = web.AppKey("options", WebOptions)
TEMPLATES = web.AppKey("templates", Environment)
REQUEST_ID = web.RequestKey("request_id", str)
VIEWER = web.RequestKey("viewer", str)
"""What pages call the user; empty when nobody vouches for a name."""
