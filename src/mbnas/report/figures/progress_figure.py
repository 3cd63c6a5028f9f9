"""The progress of searches: the best score so far against evaluations and training time.

Runs of one label are one series: their median as a line in a band from the worst to the best,
up to the end of the shortest. A single search also shows the score of every network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mbnas.errors import FigureError
from mbnas.report.charts.axes import score_range
from mbnas.report.figures.style import COLOURS, COLUMN_IN, DASHES, FAINT, QUIET, in_legend, in_style
from mbnas.wording import counted

_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One search.

    Attributes:
        label: Its name; runs of one label are one series.
        scores: Of every evaluation in order, ``None`` where there is none.
        training_s: Total duration of the trainings of every evaluation, in seconds.

    Raises:
        ValueError: unless every evaluation has a time.
    """

    label: str
    scores: tuple[float | None, ...]
    training_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.training_s):
            raise ValueError(
                f"{len(self.scores)} scores must have as many times, not {len(self.training_s)}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressBand:
    """The best score so far of all runs of a label, from each place until the next.

    Attributes:
        places: Ascending evaluations or seconds.
        low: Of the worst run.
        median: Over runs.
        high: Of the best run.
    """

    places: Float[np.ndarray, " place"]
    low: Float[np.ndarray, " place"]
    median: Float[np.ndarray, " place"]
    high: Float[np.ndarray, " place"]


def progress_band(runs: Sequence[Run], *, over_time: bool) -> ProgressBand:
    """Return the progress of the runs of one label over the range that all of them cover.

    Raises:
        FigureError: if there is no such range.
    """
    steps = [_steps(run, over_time=over_time) for run in runs]
    if any(not places.size for places, _ in steps):
        raise FigureError(f"{runs[0].label} has no score yet. Let its search run first.")
    start = max(places[0] for places, _ in steps)
    stop = min(places[-1] for places, _ in steps)
    if start > stop:
        raise FigureError(
            f"The runs of {runs[0].label} share no range: one ends before another has a score. "
            "Label them differently."
        )
    places = np.unique(np.concatenate([places for places, _ in steps]))
    places = places[(start <= places) & (places <= stop)]
    best = np.stack([of[np.searchsorted(at, places, side="right") - 1] for at, of in steps])
    return ProgressBand(
        places=places,
        low=best.min(axis=0),
        median=np.median(best, axis=0),
        high=best.max(axis=0),
    )


@in_style
def draw_progress(runs: Sequence[Run]) -> Figure:
    """Return the best score so far of searches, against evaluations and training time.

    Training time is the sum over all trainings, also if several ran at once.

    Raises:
        FigureError: if a run has no score.
    """
    by_label: dict[str, list[Run]] = {}
    for run in runs:
        by_label.setdefault(run.label, []).append(run)
    seconds = max((sum(run.training_s) for run in runs), default=0.0)
    unit, size = next((each for each in _UNITS if seconds >= 2 * each[1]), _UNITS[-1])
    figure = Figure(figsize=(COLUMN_IN, 2.15), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, over_time, scale in ((left, False, 1.0), (right, True, size)):
        for number, (label, of_label) in enumerate(by_label.items()):
            words = label if len(runs) > 1 else f"{label}, best so far"
            _draw_series(axes, words, of_label, number, over_time=over_time, scale=scale)
    values = [score for run in runs for score in _shown(run, is_single=len(runs) == 1)]
    low, high = score_range(values)
    left.set_ylim(low, high)
    if len(runs) == 1:
        for axes, over_time, scale in ((left, False, 1.0), (right, True, size)):
            _draw_networks(axes, runs[0], low, high, over_time=over_time, scale=scale)
    left.set_ylabel("search score (validation Dice)")
    left.set_xlabel("evaluated networks")
    right.set_xlabel(f"training time ({unit})")
    for axes in (left, right):
        axes.grid(visible=True)
        axes.margins(x=0.04)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=axes is left, min_n_ticks=2))
    _draw_key(figure, left)
    return figure


def _steps(
    run: Run, *, over_time: bool
) -> tuple[Float[np.ndarray, " place"], Float[np.ndarray, " place"]]:
    """Return the places of a run's evaluations from its first score on, and the best so far."""
    scores = np.array([np.nan if score is None else score for score in run.scores], dtype=float)
    places = _places(run, over_time=over_time)
    best = np.fmax.accumulate(scores) if scores.size else scores
    known = ~np.isnan(best)
    return places[known], best[known]


def _places(run: Run, *, over_time: bool) -> Float[np.ndarray, " evaluation"]:
    if over_time:
        return np.cumsum(np.array(run.training_s, dtype=float))
    return np.arange(1, len(run.scores) + 1, dtype=float)


def _shown(run: Run, *, is_single: bool) -> list[float]:
    """Return the values that the axis spans."""
    if is_single:
        return [score for score in run.scores if score is not None]
    return [float(score) for score in _steps(run, over_time=False)[1]]


def _draw_series(
    axes: Axes, label: str, runs: Sequence[Run], number: int, *, over_time: bool, scale: float
) -> None:
    band = progress_band(runs, over_time=over_time)
    colour, places = COLOURS[number % len(COLOURS)], band.places / scale
    is_single = len(runs) == 1
    label = in_legend(label)
    words = label if is_single else f"{label} ({counted(len(runs), 'run')}: median, range)"
    axes.step(
        places,
        band.median,
        where="post",
        color=colour,
        linestyle=DASHES[number % len(DASHES)],
        label=words,
        zorder=3,
    )
    if not is_single:
        axes.fill_between(
            places, band.low, band.high, step="post", color=colour, alpha=0.2, linewidth=0
        )


def _draw_networks(
    axes: Axes, run: Run, low: float, high: float, *, over_time: bool, scale: float
) -> None:
    """Draw every network's score: a dot, a triangle below the axis, a cross without a score."""
    places = _places(run, over_time=over_time) / scale
    floor = low + 0.025 * (high - low)
    kinds: tuple[tuple[str, str, list[tuple[float, float]]], ...] = (
        ("network", "o", []),
        ("below the axis", "v", []),
        ("no score", "x", []),
    )
    for place, score in zip(places, run.scores, strict=True):
        kind = 2 if score is None else 1 if score < low else 0
        kinds[kind][2].append((float(place), floor if kind or score is None else score))
    for words, marker, points in kinds:
        if points:
            axes.plot(
                *np.array(points).T,
                linestyle="none",
                marker=marker,
                markersize=2.4,
                color=QUIET if marker == "x" else FAINT,
                label=words,
                zorder=2,
            )


def _draw_key(figure: Figure, axes: Axes) -> None:
    handles, words = axes.get_legend_handles_labels()
    is_short = sum(map(len, words)) + 6 * len(words) < 52
    columns = len(words) if is_short else 2 if "network" in words else 1
    figure.legend(handles, words, loc="outside upper center", ncols=columns)
