from dataclasses import replace

import numpy as np
import pytest

from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.report.figures.segmentation_example import SegmentationExample, view_of
from mbnas.report.figures.segmentation_figure import draw_segmentations
from mbnas.report.figures.style import COLUMN_IN, PAGE_IN, save

CLASSES = ("anterior", "posterior")


def labels(top, left, height=8, width=6):
    """A block of the first class over one of the second."""
    slice_HW = np.zeros((40, 32), np.uint8)
    slice_HW[top : top + height, left : left + width] = 1
    slice_HW[top + height // 2 : top + height, left : left + width] = 2
    return slice_HW


def example(num_networks=2, title="best"):
    rng = np.random.default_rng(0)
    return SegmentationExample(
        title=title,
        patient="patient_007",
        place="slice 5 of 12",
        image=rng.normal(size=(40, 32)).astype(np.float32),
        reference_HW=labels(10, 12),
        predicted_HW=tuple(labels(11 + number, 12) for number in range(num_networks)),
        dice=(0.876, None, *(0.5,) * num_networks)[:num_networks],
        spacing_mm=(2.0, 1.0),
        targets=Targets(num_labels=2),
    )


def draw(examples, num_networks=2):
    names = [f"Network number {number}" for number in range(num_networks)]
    return draw_segmentations(examples, class_names=CLASSES, network_names=names)


def test_patients_are_rows_and_networks_columns(words):
    found = words(draw([example(), example(title="worst")]))
    assert {"Reference", "best", "worst", "anterior", "posterior", "reference"} <= set(found)
    assert [found.count(word) for word in ("patient_007", "slice 5 of 12", "0.88", "–")] == [2] * 4


def test_every_class_is_outlined_in_the_reference_and_the_predictions(ids):
    names = ids(draw([example()]))
    assert sum(each.startswith("contour-1") for each in names) == 3
    assert sum(each.startswith("contour-2") for each in names) == 3
    assert sum(each.startswith("reference-") for each in names) == 4


def test_an_absent_class_has_no_outline(ids):
    nothing = np.zeros((40, 32), np.uint8)
    empty = replace(example(1), reference_HW=nothing, predicted_HW=(nothing,))
    names = ids(draw([empty], num_networks=1))
    assert not [each for each in names if each.startswith(("contour", "reference-"))]


def test_a_millimetre_is_as_long_down_as_across():
    figure = draw([example()])
    figure.canvas.draw()
    for axes in figure.axes[:3]:
        box = axes.get_window_extent()
        across = box.width / np.ptp(axes.get_xlim())
        down = box.height / np.ptp(axes.get_ylim())
        assert across == pytest.approx(down)


def test_the_view_is_a_square_around_all_foreground():
    view = view_of(example())
    assert view.top <= 10 * 2.0
    assert view.top + view.side >= 20 * 2.0
    assert view.left <= 12
    assert view.left + view.side >= 18
    assert view.side < 80


def test_foreground_at_the_edge_moves_the_view_inside():
    corner = replace(example(1), reference_HW=labels(0, 0), predicted_HW=(labels(0, 0),))
    view = view_of(corner)
    assert (view.left, view.top) == (0, 0)


def test_every_prediction_needs_its_dice():
    with pytest.raises(ValueError, match="as many Dice"):
        replace(example(), dice=())


@pytest.mark.parametrize("num_networks", [1, 3, 4, 9])
def test_texts_do_not_overlap(num_networks, assert_legible):
    figure = draw([example(num_networks), example(num_networks)], num_networks)
    assert_legible(figure)
    assert figure.get_figwidth() == (COLUMN_IN if num_networks <= 3 else PAGE_IN)


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_one_figure_is_one_sequence_of_bytes(kind, tmp_path):
    contents = []
    for number in (1, 2):
        save(draw([example()]), tmp_path / f"{number}.{kind}", title="examples")
        contents.append((tmp_path / f"{number}.{kind}").read_bytes())
    assert contents[0] == contents[1]


def test_ignored_pixels_are_hatched_and_not_in_view(ids, words):
    reference = labels(10, 12)
    reference[30:] = IGNORED
    one = replace(
        example(1),
        reference_HW=reference,
        predicted_HW=(labels(10, 12),),
        targets=Targets(num_labels=2, ignores=True),
    )
    figure = draw([one], num_networks=1)
    names = ids(figure)
    assert sum(each.startswith("ignored") for each in names) == 2
    assert view_of(one) == view_of(replace(one, reference_HW=labels(10, 12)))
    assert "Numbers: Dice of the whole volume. Hatched voxels are ignored." in words(figure)


def test_pictures_are_called_pictures(words):
    one = replace(example(1), unit="pixels", place="")
    assert "Numbers: Dice of the whole picture." in words(draw([one], num_networks=1))


def test_regions_are_outlined_with_all_of_their_labels(ids):
    whole = Targets(num_labels=2, regions=((1, 2), (2,)), written=(1, 2))
    first = np.where(labels(10, 12) == 2, 0, labels(10, 12)).astype(np.uint8)
    names = ids(draw([replace(example(1), targets=whole, predicted_HW=(first,))], num_networks=1))
    assert sum(each.startswith("contour-1") for each in names) == 2
    assert sum(each.startswith("contour-2") for each in names) == 1
