"""TOML files of settings: read with limits, and converted to and from settings classes."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mbnas.errors import ConfigurationError
from mbnas.escaping import from_toml
from mbnas.machine.files import size_text

_MAX_TOML_BYTES = 2**20
_LARGEST = 2**63 - 1  # of TOML's integers


def parse_toml(text: str, *, source: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        ConfigurationError: if it cannot be read; the message names ``source``.
    """
    try:
        table: dict[str, Any] = from_toml(tomllib.loads(text))
    except RecursionError:
        raise ConfigurationError(
            f"{source} is not a configuration: its values are nested too deeply."
        ) from None
    except ValueError as error:  # also numbers of thousands of digits and impossible dates
        raise ConfigurationError(f"{source} is not valid TOML: {error}.") from None
    return table


def read_bounded(path: Path, *, source: str) -> str:
    """Return the text of a file of settings, which must be a regular file of limited size.

    Raises:
        ConfigurationError: if it is not a regular file, too long for a configuration, or not
            UTF-8; the message names ``source``.
        OSError: if it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{source} is not a regular file. Name a file of settings.")
    with path.open("rb") as file:
        content = file.read(_MAX_TOML_BYTES + 1)
    if len(content) > _MAX_TOML_BYTES:
        raise ConfigurationError(
            f"{source} is longer than {size_text(_MAX_TOML_BYTES)}, the most for a configuration: "
            "name a file of settings."
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{source} is not UTF-8 text ({error}).") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigurationError: if it cannot be read, as :func:`read_bounded` and
            :func:`parse_toml` say.
    """
    try:
        return parse_toml(read_bounded(path, source=str(path)), source=str(path))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


# Settings classes


def not_a_section(name: str, value: object) -> ConfigurationError:
    """Return the error of a section in whose place is a value."""
    return ConfigurationError(f"{name} (={value!r}) must be a section of keys.")


def settings_of(cls: type, table: object, *, known_keys: Iterable[str], path: str = "") -> object:
    """Return the settings that a table describes, with defaults for what it leaves out.

    Args:
        cls: The settings class: a dataclass whose fields are settings or settings classes.
        table: The table.
        known_keys: All keys of the whole configuration, dotted, for hints in errors.
        path: Dotted keys that lead to the table, with a final dot.

    Raises:
        ConfigurationError: if a key does not exist, or a value is of the wrong type or breaks its
            rule.
    """
    if not isinstance(table, Mapping):
        raise not_a_section(path.rstrip("."), table)
    hints = get_type_hints(cls)
    known = {each.name: each for each in fields(cls)}
    for key, value in table.items():
        if key not in known:
            leaf, _ = next(flatten({key: value}), (key, None))  # a section's first key
            raise ConfigurationError(unknown_key(f"{path}{leaf}", known_keys))
    for name, each in known.items():
        if each.default is MISSING and each.default_factory is MISSING and name not in table:
            raise ConfigurationError(f"{path}{name} is missing: it has no default.")
    return cls(
        **{
            key: settings_of(hints[key], value, known_keys=known_keys, path=f"{path}{key}.")
            if is_dataclass(hints[key]) and isinstance(hints[key], type)
            else _convert(value, hints[key], f"{path}{key}")
            for key, value in table.items()
        }
    )


def unknown_key(key: str, known_keys: Iterable[str]) -> str:
    """Return a sentence that a key does not exist, with the nearest, or the keys of its section."""
    known = list(known_keys)
    section, _, own = key.rpartition(".")
    by_name = {name.rpartition(".")[2]: name for name in known}
    of_section = {own: name for own, name in by_name.items() if name.startswith(f"{section}.")}
    sections = {name.partition(".")[0]: name.partition(".")[0] for name in known if "." in name}
    near = next(
        (
            names[found[0]]
            for names in (of_section, sections if not section else {}, by_name)
            if (found := difflib.get_close_matches(own, names, n=1))
        ),
        None,
    )
    if near is not None:
        return f"The configuration key {key} does not exist; the nearest is {near}."
    if section and of_section:
        return f"The configuration key {key} does not exist; {section} has {', '.join(of_section)}."
    return f"The configuration key {key} does not exist; mbnas settings lists all keys."


def _convert(value: object, hint: Any, key: str) -> object:
    """Return a TOML value as a field's type, lists as tuples and integers as floats."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _convert(value, next(each for each in arguments if each is not NoneType), key)
    if origin is Literal:
        if value not in arguments:
            raise ConfigurationError(f"{key} (={value!r}) must be {_alternatives(arguments)}.")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigurationError(f"{key} (={value!r}) must be a list, such as [...].")
        return tuple(_convert(each, arguments[0], key) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -_LARGEST <= value <= _LARGEST:
            raise ConfigurationError(f"{key} is too large: it must be {_LARGEST} or less.")
        if hint is float:
            return float(value)
    if type(value) is not hint:
        raise ConfigurationError(f"{key} (={value!r:.60}) must be of type {hint.__name__}.")
    return value


def _alternatives(values: tuple[object, ...]) -> str:
    return " or ".join(map(str, values))


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values of a table and of those in it, by dotted key."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table, and those in it, without the keys whose value is ``None``."""
    return {
        key: without_none(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }
