"""How a network learned, as a chart: training loss above, validation Dice of each class below.

A line is the mean over the trainings of the network, the area around it spans all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mbnas.data.images.appearance import class_colour
from mbnas.report.charts.axes import label, line, ticks
from mbnas.report.markup import Markup, element
from mbnas.results.learning_curves import Curve, LearningCurves
from mbnas.wording import counted, score_text

_WIDTH, _HEIGHT, _PANEL = 440.0, 344.0, 112.0
_LEFT, _RIGHT = 46.0, 430.0
_TOPS = (24.0, 196.0)  # of the panels of loss and Dice
_ACCENT = "var(--accent)"


def draw_learning(curves: LearningCurves, class_names: Sequence[str]) -> Markup:
    """Return a figure with the curves of a network and their key.

    Args:
        curves: Of the network.
        class_names: Of the foreground classes.
    """
    has_dice = bool(curves.classes)
    height = _HEIGHT if has_dice else _TOPS[0] + _PANEL + 36
    words = "Training loss and validation Dice by epoch" if has_dice else "Training loss by epoch"
    chart = element(
        "svg",
        element("title", words),
        *_loss(curves),
        *(_dice(curves) if has_dice else ()),
        label("end", _RIGHT, height - 4, "epoch"),
        class_="chart learning",
        viewBox=f"0 0 {_WIDTH:g} {height:g}",
        role="img",
        aria_label=words,
    )
    return element("figure", chart, _key(curves, class_names), _caption(curves), class_="learned")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """Converts epochs and values to places in one of the two panels."""

    top: float
    low: float
    high: float
    num_epochs: int

    @property
    def floor(self) -> float:
        return self.top + _PANEL

    def x(self, epoch: int) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (epoch - 1) / max(1, self.num_epochs - 1)

    def y(self, value: float) -> float:
        return self.top + _PANEL * (self.high - value) / (self.high - self.low)

    def axes(self, words: str) -> Iterator[Markup]:
        for value in ticks(self.low, self.high, 4):
            yield line("grid", _LEFT, self.y(value), _RIGHT, self.y(value))
            yield label("end", _LEFT - 8, self.y(value) + 4, f"{value:g}")
        yield line("axis", _LEFT, self.floor, _RIGHT, self.floor)
        later = ticks(1.0, float(self.num_epochs), 4) if self.num_epochs > 1 else []
        for epoch in (1.0, *(each for each in later if each.is_integer())):
            yield label("middle", self.x(int(epoch)), self.floor + 16, f"{epoch:g}")
        yield label("start", 2.0, self.top - 12, words)

    def draw(self, curve: Curve, colour: str) -> Iterator[Markup]:
        """Yield the area of a curve, and its line, or a dot for a single epoch."""
        places = [f"{self.x(epoch):.0f}" for epoch in curve.epochs]

        def path(values: Sequence[float]) -> list[str]:
            return [f"{x} {self.y(each):.1f}" for x, each in zip(places, values, strict=True)]

        around = "L".join([*path(curve.high), *reversed(path(curve.low))])
        mean = path(curve.mean)
        yield element("path", class_="spread", d=f"M{around}z", fill=colour)
        d = "M" + "L".join(mean) if len(mean) > 1 else f"M{mean[0]}h0"
        yield element("path", class_="curve", d=d, stroke=colour)


def _loss(curves: LearningCurves) -> Iterator[Markup]:
    loss = curves.loss
    low, high = min(loss.low, default=0.0), max(loss.high, default=1.0)
    margin = 0.06 * (high - low) or 0.05
    panel = _Panel(top=_TOPS[0], low=low - margin, high=high + margin, num_epochs=curves.num_epochs)
    yield from panel.axes("training loss")
    if loss.epochs:
        yield from panel.draw(loss, _ACCENT)


def _dice(curves: LearningCurves) -> Iterator[Markup]:
    panel = _Panel(top=_TOPS[1], low=0.0, high=1.0, num_epochs=curves.num_epochs)
    yield from panel.axes("validation Dice, epochs that were validated")
    for index, curve in curves.classes.items():
        yield from panel.draw(curve, class_colour(index))


def _key(curves: LearningCurves, class_names: Sequence[str]) -> Markup | None:
    items = (
        element(
            "li",
            element("i", class_="swatch", style=f"background:{class_colour(index)}"),
            f"{class_names[index]}, {score_text(curve.mean[-1])} at the end",
        )
        for index, curve in curves.classes.items()
    )
    return element("ul", *items, class_="key") if curves.classes else None


def _caption(curves: LearningCurves) -> Markup:
    words = f"Mean over {counted(curves.num_trainings, 'training')}"
    if curves.num_trainings > 1:
        words += "; the area spans them all"
    words += "."
    if len(curves.classes) < curves.num_classes and curves.classes:
        words += (
            f" Shown are {len(curves.classes)} of {curves.num_classes} classes, those of the "
            "lowest Dice."
        )
    return element("figcaption", words, class_="quiet small")
