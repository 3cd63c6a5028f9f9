"""Networks trained anew beside the paper's own numbers, where it has the dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mbnas.report.compared import ComparedNetwork
from mbnas.report.comparison import Comparison
from mbnas.report.comparison_table import Cell, Table
from mbnas.report.published import PUBLISHED, PublishedRow
from mbnas.report.reproduction import Row
from mbnas.report.wording import NOTHING, count_text

_HEADS = ("DSC, %", "parameters", "MACs at 32×32")


def published_table(comparison: Comparison, rows: Sequence[Row], paper_dataset: str) -> Table:
    """Return every network's Dice and cost, here and as published.

    Args:
        comparison: Networks trained anew.
        rows: Where the paper's table has each of them, in their order.
        paper_dataset: Which of the paper's datasets this is.
    """
    published = PUBLISHED[paper_dataset]
    return Table(
        title=f"Beside the paper’s table, {paper_dataset.capitalize()}",
        heads=("Network", *(f"{head}, {who}" for head in _HEADS for who in ("here", "published"))),
        rows=tuple(
            _row(
                row.name, network, [published[name] for name in row.published if name in published]
            )
            for row, network in zip(rows, comparison.networks, strict=True)
        ),
    )


def published_text(rows: Sequence[PublishedRow], value: Callable[[PublishedRow], str]) -> str:
    """Return what the paper has for a network, one value for each of its names there.

    >>> published_text([PublishedRow(parameters=5)], lambda row: str(row.parameters))
    '5'
    >>> published_text([], lambda row: str(row.parameters))
    '–'
    """
    values = [value(row) for row in rows]
    known = any(each != NOTHING for each in values)
    return " / ".join(values) if known else NOTHING


def _row(name: str, network: ComparedNetwork, rows: Sequence[PublishedRow]) -> tuple[Cell, ...]:
    dice = None if network.validation is None else network.validation.metrics["dice"].overall
    mean, sd = (None, None) if dice is None else (dice.mean, dice.sd)
    texts = (
        _percent(None if mean is None else 100 * mean, None if sd is None else 100 * sd),
        published_text(rows, lambda row: _percent(row.dice_percent)),
        count_text(network.parameters),
        published_text(rows, lambda row: count_text(row.parameters)),
        count_text(network.macs_32),
        published_text(rows, lambda row: count_text(row.macs_32)),
    )
    return (Cell(text=name), *(Cell(text=text) for text in texts))


def _percent(value: float | None, sd: float | None = None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.2f}" if sd is None else f"{value:.2f} ± {sd:.2f}"
