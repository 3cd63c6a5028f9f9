"""The differences between networks and what they show, as tables of text."""

from __future__ import annotations

from collections.abc import Iterator

from mbnas.report.tables.comparison_table import Cell, Table
from mbnas.report.tables.table_captions import differences_caption, tests_caption
from mbnas.results.comparison import Comparison
from mbnas.scoring.claims import conclusion, interval_text, p_text
from mbnas.scoring.differences import ALPHA, Difference
from mbnas.scoring.rank_tests import Friedman
from mbnas.wording import NOTHING, counted

_DIGITS = 4


def difference_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return the conclusions on all pairs of networks, then the paper's own tests."""
    return (
        *([_conclusions(comparison)] if comparison.differences else []),
        *([_paper_tests(comparison)] if comparison.block_pairs else []),
    )


def _conclusions(comparison: Comparison) -> Table:
    """Return one row per pair of networks: the conclusion and the numbers behind it."""
    who = "held-out patients" if comparison.is_held_out else "patients of the folds"
    return Table(
        title=f"Differences in Dice, {who}",
        heads=(
            "Conclusion",
            f"Difference ({100 * (1 - ALPHA):g} % interval)",
            "p",
            "Patients (higher / equal / lower)",
        ),
        rows=tuple(
            _conclusion_row(each, comparison.tested_names) for each in comparison.differences
        ),
        key="differences",
        caption=differences_caption(comparison),
    )


def _conclusion_row(difference: Difference, names: tuple[str, ...]) -> tuple[Cell, ...]:
    words = conclusion(difference, names[difference.first], names[difference.second])
    shown = difference.swapped() if difference.verdict == "second" else difference
    interval = shown.interval
    return (
        Cell(text=words, bold=shown.verdict == "first"),
        Cell(
            text=f"{shown.mean:+z.{_DIGITS}f}",
            note=interval_text(interval, digits=_DIGITS) if interval else "",
        ),
        Cell(text=p_text(shown.p_adjusted, shown.alpha)),
        Cell(text=str(shown.num_patients), note=f"{shown.wins} / {shown.ties} / {shown.losses}"),
    )


def _paper_tests(comparison: Comparison) -> Table:
    """Return one row per test of the paper, over blocks."""
    return Table(
        title=f"The paper's tests, over {counted(len(comparison.blocks), 'block')}",
        heads=("Test", "Statistic", "p", "p (Holm)"),
        rows=(
            *(_friedman_rows(comparison.friedman) if comparison.friedman else ()),
            *_wilcoxon_rows(comparison),
        ),
        key="tests",
        caption=tests_caption(comparison),
    )


def _friedman_rows(friedman: Friedman) -> Iterator[tuple[Cell, ...]]:
    f = "infinite" if friedman.f is None else f"{friedman.f:.2f}"
    for test, statistic, p in (
        ("Friedman", f"chi2 = {friedman.chi2:.2f}", friedman.chi2_p),
        ("Friedman, after Iman and Davenport", f"F = {f}", friedman.f_p),
    ):
        texts = (test, statistic, p_text(p, ALPHA), NOTHING)
        yield tuple(Cell(text=text) for text in texts)


def _wilcoxon_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    names = comparison.tested_names
    for pair in comparison.block_pairs:
        texts = (
            f"Wilcoxon, {names[pair.first]} and {names[pair.second]}",
            f"W = {pair.paired.statistic:g}",
            p_text(pair.paired.p, ALPHA),
            p_text(pair.p_holm, ALPHA),
        )
        yield tuple(Cell(text=text) for text in texts)
