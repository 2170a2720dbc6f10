"""Lua as Argo CD runs it: version 5.1, with tables, ``os.date`` and ``os.time``, and no other library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lupa import lua51

TAKEN_AWAY = ("string", "io", "debug", "math", "coroutine", "dofile", "loadfile", "package", "require")


def run_lua(script: str, document: Mapping[str, Any]) -> Any:
    """What ``script`` returns, given ``document`` as the global ``obj``."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    for name in TAKEN_AWAY:
        lua.execute(f"{name} = nil")
    lua.execute("os = {date = os.date, time = os.time}; getmetatable('').__index = nil")
    lua.globals().obj = _to_lua(lua, document)
    return _from_lua(lua.execute(script))


def _to_lua(lua: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return lua.table_from({key: _to_lua(lua, each) for key, each in value.items() if each is not None})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return lua.table_from([_to_lua(lua, each) for each in value])
    return value


def _from_lua(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    found = {key: _from_lua(each) for key, each in value.items()}
    if found and all(isinstance(key, int) for key in found):
        return [found[key] for key in sorted(found)]
    return found
