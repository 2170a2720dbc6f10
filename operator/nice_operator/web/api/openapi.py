"""The OpenAPI document, made from the route table itself, so that it cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from nice_operator.web.routing import Operation, Route

_PARAMETER = re.compile(r"{(\w+)}")
_ERROR = {
    "type": "object",
    "required": ["statusCode", "error", "message"],
    "properties": {
        "statusCode": {"type": "integer"},
        "error": {"type": "string"},
        "message": {"type": "string", "description": "What was expected, what was found, and the remedy"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "run": {
            "type": "string",
            "format": "uuid",
            "description": "The run in the way, or the run that ended",
        },
        "state": {"type": "string"},
        "nearest": {"type": "array", "items": {"type": "string"}},
    },
}


def document(routes: Iterable[Route], base_path: str) -> dict[str, Any]:
    """OpenAPI 3.1 of every route that has an operation."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.operation is not None:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, route.operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nice Commander",
            "version": "1",
            "description": "Tasks, their runs and their logs.",
        },
        "servers": [{"url": base_path or "/"}],
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


def _operation(route: Route, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": route.handler.__name__,
        "parameters": _parameters(route, operation),
        "responses": {str(code): _answer(code, text, operation) for code, text in operation.answers.items()},
    }
    if operation.body:
        described["requestBody"] = {
            "required": False,
            "description": operation.body,
            "content": {"application/json": {"schema": {}}},
        }
    return described


def _parameters(route: Route, operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    in_query = [
        {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in operation.query.items()
    ]
    return in_path + in_query


def _answer(code: int, text: str, operation: Operation) -> dict[str, Any]:
    if code >= 400:
        schema: dict[str, Any] = {"$ref": "#/components/schemas/Error"}
        return {"description": text, "content": {"application/json": {"schema": schema}}}
    return {"description": text, "content": {operation.media: {"schema": {}}}}
