"""Examples of segmentations: each row is one slice with the reference and every prediction.

Slices are oriented as radiologists view them and cropped to a square around all foreground.
The reference is a thin white outline under the predictions, so that differences are visible.
Ignored pixels are hatched.

Shape suffixes: H height and W width of a slice in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from mbnas.data.images.appearance import class_colour
from mbnas.data.images.geometry import Unit
from mbnas.report.figures.segmentation_example import SegmentationExample, View, view_of
from mbnas.report.figures.style import (
    COLUMN_IN,
    DASHES,
    PAGE_IN,
    POINTS_PER_IN,
    QUIET,
    TEXT_PT,
    in_figure,
    in_style,
    shortened,
    width_pt,
    wrapped,
)
from mbnas.wording import NOTHING

PERCENTILES = (0.5, 99.5)
"""The intensities in view that become black and white."""

_MOST_IN_COLUMN = 4  # panels side by side
_LEFT, _GAP, _LINE, _ROW = 27.0, 2.0, 8.4, 10.0
_HATCH = "#b0b0b0"
_OUTLINE = {"facecolor": "#000000", "alpha": 0.55, "edgecolor": "none", "pad": 0.8}


@in_style
def draw_segmentations(
    examples: Sequence[SegmentationExample],
    *,
    class_names: Sequence[str],
    network_names: Sequence[str],
) -> Figure:
    """Return a grid of slices: one row per example, the reference first, then every network.

    Args:
        examples: One or more, with a prediction of every network.
        class_names: Of the foreground classes or regions.
        network_names: Above the columns.
    """
    num_columns = 1 + len(network_names)
    width = POINTS_PER_IN * (COLUMN_IN if num_columns <= _MOST_IN_COLUMN else PAGE_IN)
    side = (width - _LEFT - _GAP * (num_columns - 1)) / num_columns
    titles = [wrapped(words, side - 2) for words in ("Reference", *network_names)]
    first = _LINE * (1 + max(title.count("\n") for title in titles)) + 3
    key_rows = _key_rows(class_names, width)
    bottom = first + len(examples) * (side + _GAP)
    height = bottom + 2 + _ROW * (len(key_rows) + 1)
    figure = Figure(figsize=(width / POINTS_PER_IN, height / POINTS_PER_IN))

    def panel(row: int, column: int) -> Axes:
        x, y = _LEFT + column * (side + _GAP), first + row * (side + _GAP)
        return figure.add_axes(
            (x / width, 1 - (y + side) / height, side / width, side / height), facecolor="#000000"
        )

    for column, title in enumerate(titles):
        x = _LEFT + column * (side + _GAP) + side / 2
        y = 1 - (first - 4.5) / height
        figure.text(x / width, y, title, ha="center", va="baseline", linespacing=1.1)
    for row, example in enumerate(examples):
        view = view_of(example)
        labels = (example.reference_HW, *example.predicted_HW)
        for column, labels_HW in enumerate(labels):
            axes = panel(row, column)
            _draw_image(axes, example, view)
            _draw_ignored(axes, example)
            if column:
                _draw_classes(axes, example, example.reference_HW, class_names, is_under=True)
                _write_dice(axes, example.dice[column - 1])
            else:
                _draw_ruler(axes, view, example.unit)
            _draw_classes(axes, example, labels_HW, class_names, is_under=False)
        y = 1 - (first + row * (side + _GAP) + side / 2) / height
        for number, words in enumerate((example.title, example.patient, example.place)):
            figure.text(
                (4.5 + number * 8.5) / width,
                y,
                shortened(words, side),
                rotation=90,
                ha="center",
                va="center",
                fontweight="bold" if not number else "normal",
                color=QUIET if number == 2 else "#000000",
            )
    _draw_key(figure, key_rows, class_names, _legend(examples), bottom=bottom + 2)
    return figure


def _legend(examples: Sequence[SegmentationExample]) -> str:
    """Return what numbers and hatches are."""
    of_pictures = all(each.unit == "pixels" for each in examples)
    whole, elements = ("picture", "pixels") if of_pictures else ("volume", "voxels")
    words = f"Numbers: Dice of the whole {whole}."
    if any(each.targets.ignores for each in examples):
        words += f" Hatched {elements} are ignored."
    return words


def _draw_image(axes: Axes, example: SegmentationExample, view: View) -> None:
    """Draw the slice in millimetres, windowed by the intensities in view."""
    height, width = np.array(example.reference_HW.shape) * np.array(example.spacing_mm)
    down, across = example.spacing_mm
    rows = slice(max(0, int(view.top / down)), int(np.ceil((view.top + view.side) / down)))
    columns = slice(max(0, int(view.left / across)), int(np.ceil((view.left + view.side) / across)))
    in_view = example.image[rows, columns]
    low, high = np.percentile(in_view, PERCENTILES)  # one for all colours keeps their hue
    axes.imshow(
        ((example.image - low) / max(high - low, 1e-6)).clip(0, 1),
        cmap="gray",
        vmin=0.0,
        vmax=1.0,
        extent=(0.0, float(width), float(height), 0.0),
        interpolation="nearest",
        aspect="equal",
    )
    axes.set_xlim(view.left, view.left + view.side)
    axes.set_ylim(view.top + view.side, view.top)
    axes.axis("off")
    axes.set_frame_on(True)
    axes.patch.set_visible(True)


def _draw_classes(
    axes: Axes,
    example: SegmentationExample,
    labels_HW: UInt8[np.ndarray, "height width"],
    class_names: Sequence[str],
    *,
    is_under: bool,
) -> None:
    for number, members in enumerate(example.targets.members[: len(class_names)]):
        mask_HW = np.isin(labels_HW, members)
        if mask_HW.any():
            _draw_contour(axes, mask_HW, example.spacing_mm, number, is_under=is_under)


def _draw_ignored(axes: Axes, example: SegmentationExample) -> None:
    """Hatch the pixels that are ignored."""
    is_ignored_HW = ~example.targets.is_labelled(example.reference_HW)
    if not is_ignored_HW.any():
        return
    down, across = example.spacing_mm
    padded = np.pad(is_ignored_HW.astype(float), 1)
    drawn = axes.contourf(
        (np.arange(padded.shape[1]) - 0.5) * across,
        (np.arange(padded.shape[0]) - 0.5) * down,
        padded,
        levels=[0.5, 1.5],
        colors="none",
        hatches=["////"],
    )
    drawn.set(edgecolor=_HATCH, linewidth=0.0)
    drawn.set_gid("ignored")


def _draw_contour(
    axes: Axes,
    mask_HW: Bool[np.ndarray, "height width"],
    spacing_mm: tuple[float, float],
    number: int,
    *,
    is_under: bool,
) -> None:
    down, across = spacing_mm
    padded = np.pad(mask_HW.astype(float), 1)  # so that outlines close at the slice's edge
    drawn = axes.contour(
        (np.arange(padded.shape[1]) - 0.5) * across,
        (np.arange(padded.shape[0]) - 0.5) * down,
        padded,
        levels=[0.5],
        colors=["#ffffff" if is_under else class_colour(number)],
        linewidths=0.6 if is_under else 1.0,
        linestyles=["-" if is_under else DASHES[number % len(DASHES)]],
    )
    drawn.set_gid(f"{'reference' if is_under else 'contour'}-{number + 1}")


def _write_dice(axes: Axes, dice: float | None) -> None:
    words = NOTHING if dice is None else f"{dice:.2f}"
    axes.text(
        0.04, 0.04, words, transform=axes.transAxes, color="#ffffff", va="bottom", bbox=_OUTLINE
    )


def _draw_ruler(axes: Axes, view: View, unit: Unit) -> None:
    """Draw a bar of a round number of millimetres or pixels, up to half as long as the panel."""
    length = max(
        step * 10.0**power
        for power in range(-1, 4)
        for step in (1, 2, 5)
        if step * 10.0**power <= 0.5 * view.side
    )
    start, y = view.left + 0.05 * view.side, view.top + 0.95 * view.side
    axes.plot(
        [start, start + length],
        [y, y],
        color="#ffffff",
        lw=1.4,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=2.4, foreground="#000000")],
    )
    axes.annotate(
        f"{length:g} {unit}",
        (start, y),
        (0, 3),
        textcoords="offset points",
        color="#ffffff",
        va="bottom",
        bbox=_OUTLINE,
    )


def _key_rows(class_names: Sequence[str], width: float) -> list[list[int | None]]:
    """Return the signs of the key in rows: numbers of classes, and ``None`` for the reference."""
    rows: list[list[int | None]] = [[]]
    for number in (*range(len(class_names)), None):
        row = [*rows[-1], number]
        if rows[-1] and sum(_sign_width(each, class_names) for each in row) > width:
            rows.append([number])
        else:
            rows[-1] = row
    return rows


def _sign_width(number: int | None, class_names: Sequence[str]) -> float:
    return 16 + 4 + width_pt(_words(number, class_names)) + 10


def _words(number: int | None, class_names: Sequence[str]) -> str:
    return "reference" if number is None else in_figure(class_names[number])


def _draw_key(
    figure: Figure,
    rows: Sequence[Sequence[int | None]],
    class_names: Sequence[str],
    words: str,
    *,
    bottom: float,
) -> None:
    """Draw the key of lines and numbers below the panels, and what the numbers are."""
    width, height = (inches * POINTS_PER_IN for inches in figure.get_size_inches())
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for place, row in enumerate(rows):
        y = bottom + _ROW * (place + 0.5)
        x = (width - sum(_sign_width(each, class_names) for each in row) + 10) / 2
        for number in row:
            line = Line2D([x, x + 16], [y, y], linewidth=1.2)
            if number is None:
                line.set(color="#ffffff", path_effects=[withStroke(linewidth=2.0, foreground="0")])
            else:
                line.set(color=class_colour(number), linestyle=DASHES[number % len(DASHES)])
            axes.add_line(line)
            axes.text(x + 20, y, _words(number, class_names), va="center_baseline")
            x += _sign_width(number, class_names)
    y = bottom + _ROW * (len(rows) + 0.5)
    axes.text(
        width / 2,
        y,
        words,
        ha="center",
        va="center_baseline",
        color=QUIET,
        fontsize=TEXT_PT,
    )
