"""The import hook that checks shapes and types of every call of ``mbnas`` during tests.

It checks what ``jaxtyping.install_import_hook`` checks, in less time. That one has every library
that a module imports compiled from source, half a minute in each test process. And it binds the
arguments of every call to names, also where no shapes are to be compared.
"""

import ast
import importlib.util
import sys
from dataclasses import is_dataclass
from functools import partial
from importlib.machinery import PathFinder, SourceFileLoader
from random import Random
from typing import get_args
from unittest import mock

from beartype import BeartypeConf, beartype
from beartype._check.code import codemain
from jaxtyping import AbstractArray, jaxtyped

_NAME = "_check_calls"
_CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))  # a float may be an int
# beartype checks one random item of a list. Hypothesis watches the global generator of ``random``,
# and takes a draw by another thread for a strategy that is not reproducible.
codemain.getrandbits = Random(0).getrandbits
# Part of the names of cached bytecode: raise the number when the decorated code changes.
_CACHE_TAG = "checkcalls1"


def install(package):
    """Check every function and dataclass of a package that is not imported yet."""
    sys.meta_path.insert(0, _Finder(package))


def check_calls(target):
    """Check types, and shapes if there are any, in calls of a function or of a dataclass."""
    if not isinstance(target, type):
        return _check_function(target)
    if is_dataclass(target) and not hasattr(target.__init__, "__wrapped__"):
        target.__init__ = _check_function(target.__init__)
    return target


def _check_function(function):
    hints = function.__annotations__
    for name, hint in hints.items():
        hints[name] = _evaluate(hint, function.__globals__)
    if any(map(_has_shape, hints.values())):
        return jaxtyped(function, typechecker=_CHECK)
    return _CHECK(function)


def _evaluate(hint, names):
    """Return a hint that may be a string, which it stays if its class is yet to be defined."""
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, names)
    except NameError:
        return hint


def _has_shape(hint):
    if isinstance(hint, list):  # the arguments of a ``Callable``
        return any(map(_has_shape, hint))
    is_shape = isinstance(hint, type) and issubclass(hint, AbstractArray)
    return is_shape or any(map(_has_shape, get_args(hint)))


class _Finder:
    def __init__(self, package):
        self._package = package

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != self._package:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    def get_code(self, fullname):
        named = partial(importlib.util.cache_from_source, optimization=_CACHE_TAG)
        with mock.patch("importlib._bootstrap_external.cache_from_source", named):
            return super().get_code(fullname)

    def source_to_code(self, data, path, *, _optimize=-1):
        tree = ast.fix_missing_locations(_Decorate().visit(ast.parse(data, path)))
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)

    def exec_module(self, module):
        setattr(module, _NAME, check_calls)
        super().exec_module(module)


class _Decorate(ast.NodeTransformer):
    """Adds the decorator: innermost on functions, outermost on classes, so after ``@dataclass``."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.decorator_list.append(self._decorator(node))
        return node

    def visit_ClassDef(self, node):
        self.generic_visit(node)
        node.decorator_list.insert(0, self._decorator(node))
        return node

    @staticmethod
    def _decorator(node):
        return ast.copy_location(ast.Name(_NAME, ast.Load()), node)
