"""The networks of an experiment next to the paper's own numbers, if it has the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mbnas.report.tables.comparison_table import Cell, Table, heads
from mbnas.report.tables.table_captions import patients_text
from mbnas.results.compared_network import ComparedNetwork
from mbnas.results.comparison import Comparison
from mbnas.results.experiment_results import PublishedNames
from mbnas.results.metric_summaries import METRICS, Metric, Quantity
from mbnas.results.published_results import PUBLISHED, SOURCE, PublishedDataset, PublishedRow
from mbnas.scoring.claims import p_text
from mbnas.scoring.differences import ALPHA
from mbnas.wording import NOTHING, counted

COLUMNS = [
    "network",
    "source",
    *(column for metric in METRICS for column in (metric, f"{metric}_sd")),
    "multiply_accumulates_32",
    "parameters",
]
"""Of ``published.csv``."""

_DIGITS: dict[Metric, int] = {"dice": 4, "hd95_mm": 3, "surface_dice": 4}
_HERE, _PUBLISHED = "here", "published"
_FOUND = ("mixed", "macro", "micro", "bilevel")


def published_tables(
    comparison: Comparison, names: Sequence[PublishedNames], paper_dataset: str
) -> tuple[Table, ...]:
    """Return every network here and as published, then the paper's other results.

    Args:
        comparison: Of the networks trained again on new initialisations.
        names: Their names in the paper's table, in their order.
        paper_dataset: Name of the paper's dataset that this is.
    """
    published = PUBLISHED[paper_dataset]
    name = paper_dataset.capitalize()
    return (
        Table(
            title=f"Next to the paper's Table 1, {name}: patients of the folds",
            heads=(
                "Network",
                *(heads("mm")[metric] for metric in METRICS),
                "MACs at 32×32 (M)",
                "Parameters (M)",
            ),
            rows=tuple(map(_cells, _lines(comparison, names, published))),
            key="published",
            caption=(
                f"Networks here, on {patients_text(comparison, held_out=False)}, and as published "
                f"for {name} ({SOURCE}): Dice (DSC), HD95 in mm and surface Dice within 2 mm, mean "
                "over patients with the standard deviation over initialisations below, millions "
                "of multiply-accumulates (MACs) and of parameters."
            ),
        ),
        Table(
            title=f"Next to the paper's tests, {name}",
            heads=("Result", "Here", "Published"),
            rows=tuple(_results(comparison, names, published)),
            key="published-tests",
            caption=(
                f"Tests of Dice over {counted(len(comparison.blocks), 'block')} here, each one "
                f"initialisation on one fold, and as published for {name} ({SOURCE})."
            ),
        ),
    )


def published_rows(
    comparison: Comparison, names: Sequence[PublishedNames], paper_dataset: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the first table with :data:`COLUMNS`."""
    for line in _lines(comparison, names, PUBLISHED[paper_dataset]):
        name, source, metrics, macs_32, parameters = line
        values: dict[str, Any] = {"network": name, "source": source}
        for metric in METRICS:
            values |= {metric: metrics[metric].mean, f"{metric}_sd": metrics[metric].sd}
        yield values | {"multiply_accumulates_32": macs_32, "parameters": parameters}


def published_notes(paper_dataset: str) -> tuple[str, ...]:
    """Return the source of the published numbers and how they were computed."""
    published = PUBLISHED[paper_dataset]
    classes = "1 class" if published.num_classes == 1 else f"{published.num_classes} classes"
    made = (
        f"Published: {SOURCE}. {published.modality}, {classes}, {published.num_scans} scans with "
        f"{published.num_slices} slices, {published.num_epochs} epochs. Mean over 5 seeds of "
        "5-fold cross-validation, deviation over the scores of single seeds, HD at 95 %, surface "
        "Dice within 2 mm."
    )
    inside = (
        "The paper's Dice inside nnU-Net is from its section 3.3; mbnas nnunet makes that "
        "comparison for a study."
    )
    return made, inside


_Line = tuple[str, str, dict[Metric, Quantity], int | None, int | None]
"""Name, source, metrics, multiply-accumulates for 32 by 32 pixels, parameters."""


def _lines(
    comparison: Comparison, names: Sequence[PublishedNames], published: PublishedDataset
) -> Iterator[_Line]:
    """Yield each network here, followed by its published row, then the other published rows."""
    seen = set()
    for of_network, network in zip(names, comparison.networks, strict=True):
        yield _here(of_network.name, network)
        for name in of_network.published:
            if name in published.rows:
                seen.add(name)
                yield _published(published.rows[name])
    for name, line in published.rows.items():
        if name not in seen:
            yield _published(line)


def _here(name: str, network: ComparedNetwork) -> _Line:
    summaries = network.validation
    metrics = {
        metric: Quantity(mean=None) if summaries is None else summaries.metrics[metric].overall
        for metric in METRICS
    }
    return name, _HERE, metrics, network.macs_32, network.parameters


def _published(row: PublishedRow) -> _Line:
    return row.title, _PUBLISHED, dict(row.metrics), row.macs_32, row.parameters


def _cells(line: _Line) -> tuple[Cell, ...]:
    name, source, metrics, macs_32, parameters = line
    return (
        Cell(text=name, note=source),
        *(_quantity_cell(metrics[metric], metric) for metric in METRICS),
        Cell(text=NOTHING if macs_32 is None else f"{macs_32 / 1e6:.4g}"),
        Cell(text=NOTHING if parameters is None else f"{parameters / 1e6:.3g}"),
    )


def _quantity_cell(quantity: Quantity, metric: Metric) -> Cell:
    """Return a mean to the paper's digits, and its deviation as a note."""
    return Cell(
        text=NOTHING if quantity.mean is None else f"{quantity.mean:.{_DIGITS[metric]}f}",
        note="" if quantity.sd is None else f"± {quantity.sd:.3f}",
    )


def _results(
    comparison: Comparison, names: Sequence[PublishedNames], published: PublishedDataset
) -> Iterator[tuple[Cell, ...]]:
    """Yield the paper's tests, here over this comparison's blocks, and its Dice inside nnU-Net."""
    found, friedman = comparison.friedman, published.friedman
    statistic, p = _wilcoxon_here(comparison, names)
    wilcoxon = "Wilcoxon, best network found and U-Net"
    texts = [
        (
            "Friedman, all networks: chi2 (df)",
            f"{found.chi2:.2f} ({len(found.average_ranks) - 1})" if found else NOTHING,
            f"{friedman.chi2:.2f} ({friedman.freedom})",
        ),
        (
            "Friedman, all networks: p",
            p_text(found.chi2_p, ALPHA) if found else NOTHING,
            f"< {friedman.p_below:g}",
        ),
        (f"{wilcoxon}: W", statistic, _given(published.wilcoxon.statistic)),
        (f"{wilcoxon}: p", p, _below(published.wilcoxon.p_below)),
    ]
    texts += [
        (f"Dice inside nnU-Net, {name}", "by mbnas nnunet", f"{dice:.4f}")
        for name, dice in published.dice_inside_nnunet.items()
    ]
    yield from (tuple(Cell(text=text) for text in line) for line in texts)


def _wilcoxon_here(comparison: Comparison, names: Sequence[PublishedNames]) -> tuple[str, str]:
    """Return W and p over blocks of the network found with the best Dice and the U-Net."""
    dice = {
        number: network.validation.metrics["dice"].overall.mean
        for number, network in enumerate(comparison.networks)
        if network.validation is not None and set(names[number].published) & set(_FOUND)
    }
    known = {number: mean for number, mean in dice.items() if mean is not None}
    unets = [number for number, each in enumerate(names) if "unet" in each.published]
    if not known or not unets:
        return NOTHING, NOTHING
    wanted = {max(known, key=lambda number: known[number]), unets[0]}
    for pair in comparison.block_pairs:
        if {comparison.tested[pair.first], comparison.tested[pair.second]} == wanted:
            return f"{pair.paired.statistic:g}", p_text(pair.paired.p, ALPHA)
    return NOTHING, NOTHING


def _given(statistic: float | None) -> str:
    return "not given" if statistic is None else f"{statistic:g}"


def _below(p: float | None) -> str:
    return "not significant" if p is None else f"< {p:g}"
