"""What can be told of a task's Python without executing any of it: whether it parses, and has a ``run``."""

from __future__ import annotations

import ast
import symtable
import warnings

from nice_operator.domain.errors import Problem

FIELD = "spec.run.python.source"


def source_problems(source: str) -> tuple[Problem, ...]:
    """Why ``source`` can never run; empty when nothing is known against it.

    It is read by the Python of this process. What defines ``run`` in a way that cannot be seen from outside
    (``from x import *``, ``exec``, ``globals``) gets the benefit of the doubt.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are the task's, and its log shows them
            tree = ast.parse(source)
            compile(tree, FIELD, "exec", dont_inherit=True)
            names = symtable.symtable(source, FIELD, "exec")
    except SyntaxError as error:
        place = f"line {error.lineno} of the source" if error.lineno else "the source"
        return (Problem(FIELD, f"{place} is not valid Python: {error.msg}; correct it"),)
    except (ValueError, RecursionError, MemoryError) as error:
        return (Problem(FIELD, f"the source cannot be read as Python: {error}; correct it"),)
    if _binds_run(names) or _may_bind_anything(tree):
        return ()
    return (Problem(FIELD, "defines no function run at its top level; add one: def run(payload): …"),)


def _binds_run(names: symtable.SymbolTable) -> bool:
    if "run" not in names.get_identifiers():
        return False
    run = names.lookup("run")
    return run.is_assigned() or run.is_imported() or run.is_namespace()


def _may_bind_anything(tree: ast.Module) -> bool:
    return any(_is_opaque(node) for node in ast.walk(tree))


def _is_opaque(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "*" for alias in node.names)
    if isinstance(node, ast.Global):
        return "run" in node.names
    return isinstance(node, ast.Name) and node.id in ("exec", "globals")
