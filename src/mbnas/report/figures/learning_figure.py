"""The curves of a model's final trainings: loss, and validation Dice per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mbnas.errors import FigureError
from mbnas.report.figures.style import COLOURS, COLUMN_IN, DASHES, MARKERS, in_legend, in_style
from mbnas.training.training_record import EpochRecord


@in_style
def draw_learning_curves(
    curves: Mapping[str, Sequence[EpochRecord]], class_names: Sequence[str]
) -> Figure:
    """Return the loss and, if there was validation, the Dice below; each member has one colour.

    Args:
        curves: The epochs of every member, by its name.
        class_names: Of the foreground classes.

    Raises:
        FigureError: if no epoch is complete.
    """
    if not any(curves.values()):
        raise FigureError("No epoch is complete yet. Let the training run first.")
    validated = any(epoch.class_dice for epochs in curves.values() for epoch in epochs)
    figure = Figure(figsize=(COLUMN_IN, 3.6 if validated else 1.9), layout="constrained")
    rows = figure.subplots(2 if validated else 1, 1, sharex=True, squeeze=False)[:, 0]
    rows[0].set_ylabel("training loss")
    for (name, epochs), colour in zip(curves.items(), _repeated(COLOURS), strict=False):
        rows[0].plot(
            [epoch.epoch for epoch in epochs],
            [epoch.loss for epoch in epochs],
            color=colour,
            linewidth=0.9,
            label=name,
        )
    rows[0].legend(fontsize=6, frameon=False, ncols=2)
    if validated:
        _draw_dice(rows[1], curves, class_names)
    rows[-1].set_xlabel("epoch")
    rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _draw_dice(
    axes: Axes, curves: Mapping[str, Sequence[EpochRecord]], class_names: Sequence[str]
) -> None:
    axes.set_ylabel("validation Dice")
    for epochs, colour in zip(curves.values(), _repeated(COLOURS), strict=False):
        known = [(epoch.epoch, epoch.class_dice) for epoch in epochs if epoch.class_dice]
        for index in range(len(class_names)):
            points = [(epoch, value) for epoch, dice in known if (value := dice[index]) is not None]
            axes.plot(
                [epoch for epoch, _ in points],
                [value for _, value in points],
                color=colour,
                linewidth=0.9,
                linestyle=DASHES[index % len(DASHES)],
                marker=MARKERS[index % len(MARKERS)],
                markersize=2.5,
            )
    for index, name in enumerate(class_names):  # the legend, in no member's colour
        axes.plot(
            [],
            [],
            color="#555555",
            linestyle=DASHES[index % len(DASHES)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=2.5,
            label=in_legend(name),
        )
    axes.legend(fontsize=6, frameon=False)


def _repeated(colours: Sequence[str]) -> list[str]:
    return list(colours) * 200
