"""Source of mbnas as text that stands alone: without mbnas, and without shapes in signatures.

What an export computes with is then the code that training ran, not a second one like it.
"""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from types import ModuleType
from typing import Any

_SHAPED = re.compile(r'\b[A-Z]\w*\[(Tensor|np\.ndarray), "[^"]*"\]')
_SPLIT = re.compile(r"^( *def \w+\()\n +([^\n]*[^,\n])\n *(\).*:)$", re.MULTILINE)
_OUR_ERRORS = re.compile(r"\b(?:ConfigurationError|ModelError)\b")
_FROM_OURS = re.compile(r"^from (mbnas(?:\.\w+)+) import", re.MULTILINE)
_FROM_JAXTYPING = re.compile(r"^from jaxtyping import (?:\([^)]*\)|.*)\n", re.MULTILINE)
_SPACE, _LINE = "\n\n\n", 100


def without_shapes(source: str) -> str:
    """Return source whose arrays and tensors have no shapes, which need a package to be read.

    >>> without_shapes('def f(x: Float[Tensor, "batch width"]) -> Int[np.ndarray, "x"]: ...')
    'def f(x: Tensor) -> np.ndarray: ...'
    """
    return _SPLIT.sub(_joined, _SHAPED.sub(r"\1", source))


def definition(thing: Any) -> str:
    """Return the source of a function or class; errors of ours become ``ValueError``."""
    return _standing_alone(inspect.getsource(thing))


def definitions(module: ModuleType, *, needed_by: str | None = None) -> str:
    """Return what a module of mbnas defines, without its docstring and imports.

    Args:
        module: One that imports nothing of ours but what is handed on with it.
        needed_by: Leave out what neither this text nor what is kept uses.
    """
    source = inspect.getsource(module)
    kept: list[str] = []
    for statement in reversed(ast.parse(source).body):
        text = ast.get_source_segment(source, statement) or ""
        if _is_preamble(statement):
            continue
        uses = None if needed_by is None else "\n".join([needed_by, *kept])
        if uses is None or re.search(rf"\b{_name(statement)}\b", uses):
            kept.insert(0, text)
    return _standing_alone(_SPACE.join(kept))


def modules_alone(module: ModuleType) -> dict[str, str]:
    """Return the source of a module of mbnas and of all that it imports from mbnas, by name.

    The modules find one another in one package, whatever part of mbnas each is of.
    """
    found: dict[str, str] = {}
    waiting = [module.__name__]
    while waiting:
        path = waiting.pop()
        name = path.rpartition(".")[2]
        if name in found:
            continue
        source = inspect.getsource(import_module(path))
        waiting += _FROM_OURS.findall(source)
        source = _FROM_OURS.sub(lambda found: f"from .{found[1].rpartition('.')[2]} import", source)
        found[name] = without_shapes(_FROM_JAXTYPING.sub("", source))
    return found


def _joined(signature: re.Match[str]) -> str:
    """Return a signature on one line, where it fits now."""
    line = "".join(signature.groups())
    return line if len(line) <= _LINE else signature[0]


def _standing_alone(source: str) -> str:
    return _OUR_ERRORS.sub("ValueError", without_shapes(source)).strip()


def _is_preamble(statement: ast.stmt) -> bool:
    is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_docstring or isinstance(statement, ast.Import | ast.ImportFrom)


def _name(statement: ast.stmt) -> str:
    """Return what a statement at a module's top defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    raise ValueError(f"line {statement.lineno} defines nothing that has a name")
