"""A sequence of records, which a notebook shows as a table and pandas takes as a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from mbnas.errors import MbnasError
from mbnas.report.markup import element
from mbnas.report.tables.html_table import html_table

Record = TypeVar("Record")
_MOST_SHOWN = 60


class Records(tuple[Record, ...]):
    """A tuple of records of one kind, each a frozen dataclass.

    >>> import mbnas
    >>> evaluation = mbnas.Evaluation(
    ...     number=1, genotype="0vgg3", digest="0f", why="start 1", score=0.81, trainings=4
    ... )
    >>> records = mbnas.Records([evaluation])
    >>> [each.score for each in records]
    [0.81]
    >>> records.to_frame().shape  # needs pandas
    (1, 14)
    """

    __slots__ = ()

    def to_frame(self) -> Any:
        """Return the records as a pandas ``DataFrame``, a column for each field.

        Raises:
            MbnasError: if pandas is not installed.
        """
        return data_frame([_as_dict(each) for each in self])

    def _repr_html_(self) -> str:
        """Return a table of the first and the last records."""
        if not self or not is_dataclass(self[0]):
            return str(element("p", "No records."))
        names = [each.name for each in fields(self[0])]
        half = _MOST_SHOWN // 2
        shown = self if len(self) <= _MOST_SHOWN else (*self[:half], *self[-half:])
        rows = (
            element("tr", *(element("td", _text(getattr(each, name))) for name in names))
            for each in shown
        )
        left_out = len(self) - len(shown)
        note = element("p", f"{left_out} records in the middle are not shown.") if left_out else ""
        return html_table(names, rows) + note


def data_frame(rows: Sequence[Mapping[str, object]]) -> Any:
    """Return a pandas ``DataFrame`` of rows by column.

    Raises:
        MbnasError: if pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MbnasError(
            "pandas is not installed, and a data frame needs it: pip install pandas. Records are "
            "dataclasses, which work without it."
        ) from error
    return pd.DataFrame(rows)


def _as_dict(record: Any) -> dict[str, object]:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
