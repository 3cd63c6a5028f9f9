"""The import hook that checks shapes and types of every call of ``mbnas`` during tests.

It does what ``jaxtyping.install_import_hook`` does. That one makes every library that a module
imports be compiled from source again, which takes half a minute in each test process.
"""

import ast
import importlib.util
import sys
from functools import partial
from importlib.machinery import PathFinder, SourceFileLoader
from unittest import mock

from beartype import beartype
from jaxtyping import jaxtyped

_NAME = "_check_shapes"
# Part of the names of cached bytecode: raise the number when the decorated code changes.
_CACHE_TAG = "shapechecks1"


def install(package):
    """Check every function and dataclass of a package that is not imported yet."""
    sys.meta_path.insert(0, _Finder(package))


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
        setattr(module, _NAME, jaxtyped(typechecker=beartype))
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
