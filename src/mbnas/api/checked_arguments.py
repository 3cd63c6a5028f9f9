"""The arguments of public functions, checked by their hints: a wrong one is told in a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from numbers import Integral, Real
from types import SimpleNamespace, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from mbnas.errors import UsageError
from mbnas.escaping import visible

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_NUMBERS = {int: Integral, float: Real}


def checked(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return a function that checks its arguments before it does anything.

    >>> @checked
    ... def twice(number: int) -> int:
    ...     return 2 * number
    >>> twice("2")
    Traceback (most recent call last):
    mbnas.errors.UsageError: number (='2') must be of type int.

    Args:
        function: Its hints hold for what it is called with; an argument without one is not checked.
    """
    parameters = inspect.signature(function).parameters

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        hints = _hints(function, parameters)
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        for name in given.keys() & hints.keys():
            is_several = parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            for value in given[name] if is_several else (given[name],):
                if not _fits(value, hints[name]):
                    raise UsageError(
                        f"{name} (={visible(repr(value)):.60}) must be "
                        f"{_described(hints[name], parameters[name])}."
                    )
        return function(*args, **kwargs)

    return call


def _hints(
    function: Callable[..., object], parameters: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """Return the hints of parameters; that of the result may be of a class not imported yet."""
    hinted = {
        name: each.annotation
        for name, each in parameters.items()
        if each.annotation is not inspect.Parameter.empty
    }
    names = inspect.unwrap(function).__globals__
    return get_type_hints(SimpleNamespace(__annotations__=hinted), globalns=names)


def _fits(value: object, hint: Any) -> bool:
    """Return whether a value is of a hint; what an iterator holds is not known."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool)
    if origin is Sequence:
        is_text = isinstance(value, str | bytes)
        return isinstance(value, Sequence) and not is_text and _all_fit(value, inner[0])
    if origin is Mapping:
        return isinstance(value, Mapping) and _all_fit(value, inner[0])
    return isinstance(value, origin or hint)


def _all_fit(values: Iterable[object], hint: Any) -> bool:
    return all(_fits(each, hint) for each in values)


def _described(hint: Any, parameter: inspect.Parameter) -> str:
    if get_origin(hint) is Literal:
        *others, last = map(str, get_args(hint))
        return f"{', '.join(others)} or {last}"
    written = parameter.annotation
    return f"of type {written if isinstance(written, str) else inspect.formatannotation(written)}"
