"""Source of mbnas as text that runs without mbnas, and without shapes in signatures.

An export thus computes with the code that training ran, not with a second implementation.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
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
    """Return source without the shapes of arrays and tensors, which would need jaxtyping.

    >>> without_shapes('def f(x: Float[Tensor, "batch width"]) -> Int[np.ndarray, "x"]: ...')
    'def f(x: Tensor) -> np.ndarray: ...'
    """
    return _SPLIT.sub(_joined, _SHAPED.sub(r"\1", source))


def definition(thing: Any) -> str:
    """Return the source of a function or class, with mbnas errors replaced by ``ValueError``."""
    return _without_mbnas(inspect.getsource(thing))


def definitions(module: ModuleType, *, needed_by: str | None = None) -> str:
    """Return the definitions of a module of mbnas, without its docstring and imports.

    Args:
        module: It may import from mbnas only what is exported with it.
        needed_by: Leave out definitions that neither this source nor kept definitions use.
    """
    source = inspect.getsource(module)
    texts = {
        _name(each): ast.get_source_segment(source, each) or ""
        for each in ast.parse(source).body
        if not _is_preamble(each)
    }
    kept = set(texts) if needed_by is None else _needed(texts, needed_by)
    return _without_mbnas(_SPACE.join(text for name, text in texts.items() if name in kept))


def _needed(texts: Mapping[str, str], source: str) -> set[str]:
    """Return the names of definitions that source uses, itself or by other definitions."""
    found: set[str] = set()
    while new := (texts.keys() - found) & _names_in(source):
        found |= new
        source = "\n".join([source, *(texts[name] for name in new)])
    return found


def module_sources(module: ModuleType) -> dict[str, str]:
    """Return the source of a module of mbnas and of all its imports from mbnas, by name.

    The modules import one another from one package.
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
    """Return a signature on one line if it fits."""
    line = "".join(signature.groups())
    return line if len(line) <= _LINE else signature[0]


def _without_mbnas(source: str) -> str:
    return _OUR_ERRORS.sub("ValueError", without_shapes(source)).strip()


def _names_in(source: str) -> set[str]:
    """Return the names that source reads or sets, and no words of its texts."""
    return {each.id for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Name)}


def _is_preamble(statement: ast.stmt) -> bool:
    is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_docstring or isinstance(statement, ast.Import | ast.ImportFrom)


def _name(statement: ast.stmt) -> str:
    """Return the name that a statement at a module's top level defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    raise ValueError(f"line {statement.lineno} defines no name")
