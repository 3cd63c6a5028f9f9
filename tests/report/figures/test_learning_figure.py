"""Learning curves show every epoch, and Dice where it was measured."""

import pytest

from mbnas.errors import FigureError
from mbnas.report.figures.learning_figure import draw_learning_curves
from mbnas.training.training_record import EpochRecord


def curve(*, validated):
    return [
        EpochRecord(
            epoch=number,
            learning_rate=1e-3,
            loss=1 / number,
            class_dice=(0.5, None) if validated and number % 2 == 0 else None,
        )
        for number in range(1, 5)
    ]


def test_loss_and_dice_are_drawn_as_they_are():
    figure = draw_learning_curves(
        {"fold0": curve(validated=True), "fold1": curve(validated=True)}, ("zone", "gland")
    )
    loss, dice = figure.axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[1, 1 / 2, 1 / 3, 1 / 4]] * 2
    drawn = [list(line.get_xdata()) for line in dice.lines if len(line.get_xdata())]
    assert drawn == [[2, 4]] * 2
    assert [text.get_text() for text in dice.get_legend().get_texts()] == ["zone", "gland"]


def test_without_validation_only_the_loss_is_drawn():
    figure = draw_learning_curves({"all": curve(validated=False)}, ("zone",))
    assert len(figure.axes) == 1
    with pytest.raises(FigureError, match="No epoch is complete"):
        draw_learning_curves({"all": []}, ("zone",))
