"""A comparison as tables of text, which the terminal, the files and the page show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mbnas.data.images.geometry import Unit
from mbnas.report.tables.table_captions import costs_caption, metrics_caption
from mbnas.results.compared_network import ComparedNetwork
from mbnas.results.comparison import Comparison
from mbnas.results.metric_summaries import (
    LOWER_IS_BETTER,
    METRICS,
    Metric,
    MetricSummaries,
    Quantity,
)
from mbnas.scoring.class_metrics import TOLERANCE_MM
from mbnas.wording import NOTHING, count_text, duration_text


def heads(unit: Unit) -> dict[Metric, str]:
    """Return the head of each metric's column, with the unit of lengths.

    >>> heads("pixels")["surface_dice"]
    'Surface Dice (2 pixels)'
    """
    return {
        "dice": "DSC",
        "hd95_mm": f"HD95 ({unit})",
        "surface_dice": f"Surface Dice ({TOLERANCE_MM:g} {unit})",
    }


_DIGITS: dict[Metric, int] = {"dice": 3, "hd95_mm": 2, "surface_dice": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: Words or a number.
        note: Secondary text, such as an interval.
        bold: Whether it is the best of its column.
    """

    text: str
    note: str = ""
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells under heads; the first cells of every row are words, the others numbers.

    Attributes:
        title: What it shows.
        heads: Of the columns.
        rows: One cell for each head.
        num_words: Columns of words, at the left.
        key: Names it among the tables of a paper.
        caption: In a paper, where no title and no notes are next to it.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    num_words: int = 1
    key: str = ""
    caption: str = ""


def tables(comparison: Comparison, *, joined: bool = True) -> tuple[Table, ...]:
    """Return the tables of a comparison, the main one first: of the patients who decide.

    Args:
        comparison: What to show.
        joined: Whether the main table has the costs too, instead of a separate table.
    """
    several = len(comparison.class_names) > 1
    main, *others = [
        make(comparison, held_out=held_out)
        for held_out in ((True, False) if comparison.is_held_out else (False,))
        for make in ((_metrics, _classes) if several else (_metrics,))
    ]
    costs = _costs(comparison)
    return (_joined(main, costs), *others) if joined else (main, costs, *others)


def _title(comparison: Comparison, *, held_out: bool) -> str:
    if held_out:
        return "Held-out patients"
    if comparison.is_held_out:
        return "Patients of the folds"
    return "Patients of the folds, selected and compared on the same patients"


def _key(held_out: bool) -> str:
    return "held-out" if held_out else "folds"


def _metrics(comparison: Comparison, *, held_out: bool) -> Table:
    """Return one row per network: every metric, mean over the classes."""
    return Table(
        title=_title(comparison, held_out=held_out),
        heads=("Network", *(heads(comparison.unit)[metric] for metric in METRICS)),
        rows=_rows(
            [(_name(each),) for each in comparison.networks],
            comparison.networks,
            lambda summaries, metric: summaries.metrics[metric].overall,
            held_out=held_out,
        ),
        key=_key(held_out),
        caption=metrics_caption(comparison, held_out=held_out, by_class=False),
    )


def _classes(comparison: Comparison, *, held_out: bool) -> Table:
    """Return one row per class and network; the best of each class is bold."""
    rows: list[tuple[Cell, ...]] = []
    for k, name in enumerate(comparison.class_names):
        rows += _rows(
            [(Cell(text=name), _name(each)) for each in comparison.networks],
            comparison.networks,
            _of_class(k),
            held_out=held_out,
        )
    return Table(
        title=f"{_title(comparison, held_out=held_out)}, by class",
        heads=("Class", "Network", *(heads(comparison.unit)[metric] for metric in METRICS)),
        rows=tuple(rows),
        num_words=2,
        key=f"{_key(held_out)}-classes",
        caption=metrics_caption(comparison, held_out=held_out, by_class=True),
    )


def _of_class(k: int) -> Callable[[MetricSummaries, Metric], Quantity]:
    return lambda summaries, metric: summaries.metrics[metric].per_class[k]


def _rows(
    words: Sequence[tuple[Cell, ...]],
    networks: Sequence[ComparedNetwork],
    quantity: Callable[[MetricSummaries, Metric], Quantity],
    *,
    held_out: bool,
) -> tuple[tuple[Cell, ...], ...]:
    """Return one row per network: its words, then a quantity of every metric."""
    found = [each.held_out if held_out else each.validation for each in networks]
    columns = [
        _column([None if each is None else quantity(each, metric) for each in found], metric)
        for metric in METRICS
    ]
    return tuple((*words[n], *(column[n] for column in columns)) for n in range(len(networks)))


def _column(quantities: Sequence[Quantity | None], metric: Metric) -> list[Cell]:
    """Return the cells of one metric; those with the best mean are bold."""
    means = [each.mean for each in quantities if each is not None and each.mean is not None]
    best = (min if metric in LOWER_IS_BETTER else max)(means, default=None)
    return [
        quantity_cell(each, metric, bold=each.mean == best)
        if each is not None and each.mean is not None
        else Cell(text=NOTHING)
        for each in quantities
    ]


def quantity_cell(quantity: Quantity, metric: Metric, *, bold: bool = False) -> Cell:
    """Return a mean with its spread, and its interval as a note.

    >>> quantity_cell(Quantity(mean=0.85661, sd=0.0123), "dice").text
    '0.857 ± 0.012'
    """
    digits = _DIGITS[metric]
    spread = "" if quantity.sd is None else f" ± {quantity.sd:.{digits}f}"
    interval = quantity.interval
    return Cell(
        text=NOTHING if quantity.mean is None else f"{quantity.mean:.{digits}f}{spread}",
        note=f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]" if interval else "",
        bold=bold,
    )


def _costs(comparison: Comparison) -> Table:
    """Return one row per network: its costs."""
    size = comparison.slice_size
    columns: dict[str, Callable[[ComparedNetwork], str]] = {
        "Parameters": lambda each: count_text(each.parameters),
        f"MACs at {size}×{size}": lambda each: count_text(each.macs),
        "MACs at 32×32": lambda each: count_text(each.macs_32),
        "Latency": lambda each: NOTHING if each.latency_ms is None else f"{each.latency_ms:.1f} ms",
        "Training": lambda each: duration_text(each.training_s if each.trainings else None),
    }
    return Table(
        title="Costs",
        heads=("Network", *columns),
        rows=tuple(
            (_name(each), *(Cell(text=text(each)) for text in columns.values()))
            for each in comparison.networks
        ),
        key="costs",
        caption=costs_caption(comparison),
    )


def _joined(left: Table, right: Table) -> Table:
    """Return one table with the columns of two tables that have the same rows."""
    return Table(
        title=left.title,
        heads=left.heads + right.heads[1:],
        rows=tuple(one + other[1:] for one, other in zip(left.rows, right.rows, strict=True)),
    )


def _name(network: ComparedNetwork) -> Cell:
    return Cell(text=network.name, note="a training failed" if network.error else "")
