"""The types of the ledger's columns, and the rules of their values.

Anyone can edit an SQLite file, and SQLite stores any type in any column. So rows are checked
when they become values, and an error names the row and the rule.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from mbnas.errors import UsageError

Value = TypeVar("Value")

_TEXT, _WHOLE, _NUMBER, _BYTES, _NULL = (str,), (int,), (float,), (bytes,), (type(None),)
_NAMES = {str: "text", int: "a whole number", float: "a number", bytes: "bytes", type(None): "null"}

_KEY = {"network": _TEXT, "protocol": _TEXT, "fold": _WHOLE, "initialisation": _WHOLE}
COLUMNS: dict[str, dict[str, tuple[type, ...]]] = {
    "study": {"key": _TEXT, "value": _TEXT},
    "networks": {
        "digest": _TEXT,
        "architecture": _TEXT,
        "parameters": _WHOLE + _NULL,
        "macs": _WHOLE + _NULL,
        "macs_32": _WHOLE + _NULL,
        "latency_ms": _NUMBER + _NULL,
    },
    "evaluations": {
        "number": _WHOLE,
        "network": _TEXT,
        "why": _TEXT,
        "incumbent": _TEXT + _NULL,
        "asked_at": _TEXT,
        "batch": _WHOLE + _NULL,
    },
    "proposals": {
        "number": _WHOLE,
        "why": _TEXT,
        "incumbent": _TEXT + _NULL,
        "initialisations": _WHOLE + _NULL,
    },
    "proposed": {"proposal": _WHOLE, "place": _WHOLE, "network": _TEXT},
    "trainings": {
        "id": _WHOLE,
        **_KEY,
        "score": _NUMBER + _NULL,
        "collapsed": _TEXT,
        "absent": _TEXT,
        "unpredicted": _TEXT,
        "attempts": _WHOLE,
        "error": _TEXT + _NULL,
        "wall_s": _NUMBER,
        "slices_per_s": _NUMBER + _NULL,
        "worker": _TEXT,
        "started_at": _TEXT,
        "borrowed": _WHOLE,
    },
    "failures": {
        "id": _WHOLE,
        **_KEY,
        "kind": _TEXT,
        "reason": _TEXT,
        "wall_s": _NUMBER,
        "worker": _TEXT,
        "started_at": _TEXT,
        "withdrawn": _WHOLE,
    },
    "epochs": {
        "training": _WHOLE,
        "epoch": _WHOLE,
        "learning_rate": _NUMBER,
        "loss": _NUMBER + _NULL,
        "class_dice": _TEXT + _NULL,
    },
    "volumes": {
        "training": _WHOLE,
        "case_name": _TEXT,
        "patient": _TEXT,
        "held_out": _WHOLE,
        "measures": _TEXT,
        "prediction": _BYTES + _NULL,
    },
}
"""The types that every column may hold, by table."""


class InvalidRow(Exception):  # noqa: N818  (a finding, which the caller reports)
    """A row that mbnas cannot have written; the message names it and the rule."""


def valid_values(
    table: str, rows: Iterable[sqlite3.Row], convert: Callable[[sqlite3.Row], Value]
) -> Iterator[Value]:
    """Yield the values of rows.

    Args:
        table: Name of their table.
        rows: With columns of the table.
        convert: Makes a value from a row whose columns have the right types.

    Raises:
        InvalidRow: at the first row that is invalid.
    """
    seen: set[tuple[type, ...]] = set()
    for row in rows:
        types = tuple(map(type, row))
        if types not in seen:
            _check_types(table, row)
            seen.add(types)
        try:
            yield convert(row)
        except (ValueError, TypeError, ArithmeticError, RecursionError, UsageError) as error:
            raise InvalidRow(f"{_row_name(table, row)}: {error}") from error


def _check_types(table: str, row: sqlite3.Row) -> None:
    for column in row.keys():  # noqa: SIM118  (a row is not a mapping)
        allowed = COLUMNS[table][column]
        if type(row[column]) not in allowed:
            names = " or ".join(dict.fromkeys(_NAMES[each] for each in allowed))
            raise InvalidRow(
                f"{_row_name(table, row)}: {column} (={_shown(row[column])}) must be {names}."
            )


_NAMING = (
    *("id", "number", "digest", "training", "epoch", "case_name", "key", "proposal", "place"),
)


def _row_name(table: str, row: sqlite3.Row) -> str:
    """Return the name of a row: its table and identifying columns."""
    names = [
        name
        for name in _NAMING
        if name in row.keys()  # noqa: SIM118
    ]
    return f"{table}, {', '.join(f'{name} {_shown(row[name])}' for name in names)}"


def _shown(value: object) -> str:
    """Return a value as text, shortened."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


# Rules


def share(name: str, value: float | None) -> float | None:
    """Return a value from 0 to 1, or ``None``.

    Raises:
        ValueError: if it is outside.
    """
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"{name} (={_shown(value)}) must be from 0 to 1.")
    return value


def at_least(name: str, value: float | int, least: int) -> None:
    """Raise unless a number is finite and not below a bound.

    Raises:
        ValueError: if it is infinite, not a number, or below.
    """
    if not least <= value < math.inf:
        raise ValueError(f"{name} (={_shown(value)}) must be {least} or more, and finite.")


def json_list(name: str, text: str) -> list[Any]:
    """Return the list that a JSON text holds.

    Raises:
        ValueError: if it is not JSON.
        TypeError: if it is not a list.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} (={_shown(text)}) must be a JSON list.") from error
    if not isinstance(value, list):
        raise TypeError(f"{name} (={_shown(text)}) must be a JSON list.")
    return value
