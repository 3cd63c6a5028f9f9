"""The learning curves of a network, drawn."""

from xml.etree import ElementTree as ET

from mbnas.report.charts.learning_chart import draw_learning
from mbnas.results.learning_curves import learning_curves
from mbnas.training.training_record import EpochRecord


def curves(num_epochs, *, validated, num_trainings=2):
    return learning_curves(
        [
            [
                EpochRecord(
                    epoch=number,
                    learning_rate=0.1,
                    loss=1.0 / number + shift,
                    class_dice=(0.5 + shift, 0.9)
                    if validated and number > 0.8 * num_epochs
                    else None,
                )
                for number in range(1, num_epochs + 1)
            ]
            for shift in (0.0, 0.1)[:num_trainings]
        ],
        2,
    )


def test_loss_and_each_class_have_a_line_inside_the_picture():
    figure = ET.fromstring(draw_learning(curves(20, validated=True), ("a < b", "second")))
    lines = [each.get("d") for each in figure.iter("path") if each.get("class") == "curve"]
    assert len(lines) == 3
    for path in lines:
        for place in path[1:].split("L"):
            x, y = map(float, place.split())
            assert 40 < x < 440
            assert 0 < y < 344
    words = " ".join(figure.itertext())
    assert "a < b, 0.550 at the end" in words
    assert "Mean over 2 trainings; the area spans them all." in words


def test_a_network_that_was_never_validated_has_its_loss_only():
    figure = draw_learning(curves(5, validated=False, num_trainings=1), ("a", "b"))
    assert figure.count('class="curve"') == 1
    assert "Dice" not in figure
    assert "Mean over 1 training." in figure


def test_a_single_epoch_is_a_dot():
    figure = draw_learning(curves(1, validated=True), ("a", "b"))
    assert figure.count("h0") == 3
