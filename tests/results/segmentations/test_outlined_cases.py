import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.data.images.appearance import chosen_slices, class_colour, window
from mbnas.report.page.sections.segmentations_section import segmentations_section
from mbnas.results.segmentations.case_selection import page_capacity
from mbnas.results.segmentations.outlined_cases import outline_case

ONE = Targets(num_labels=1)
FACTS = {"case": "a", "patient": "a", "held_out": False, "dice": (0.5,), "targets": ONE}


COUNTS = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)


@given(foreground=COUNTS, most=st.integers(1, 24))
def test_chosen_slices_ascend_and_hold_the_fullest(foreground, most):
    chosen = chosen_slices(foreground, most)

    assert 1 <= len(chosen) <= most
    assert (np.diff(chosen) > 0).all()
    if foreground.any():
        assert foreground.argmax() in chosen


def test_slices_have_radiological_orientation():
    labels = np.zeros((2, 1, 8, 8), dtype=np.uint8)
    labels[:, 0, 7, 7] = 1  # to the patient's right, and in front

    shown = outline_case(np.zeros((1, 8, 8), np.float32), labels, **FACTS, most_slices=1)

    assert shown.slices[0].reference == ("M0 0h1v1h-1z",)
    assert shown.slices[0].predicted == (("M0 0h1v1h-1z",),)


def test_a_square_around_all_foreground_is_shown_with_its_outlines():
    reference, predicted = np.zeros((2, 3, 32, 32), dtype=np.uint8)
    reference[1, 10:14, 12:15] = 1
    predicted[2, 16, 20] = 1
    images = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)

    shown = outline_case(images, np.stack([reference, predicted]), **FACTS, most_slices=24)

    assert shown.height == shown.width == 9 + 2 * 3
    assert [each.number for each in shown.slices] == [1, 2, 3]
    assert [bool(each.reference[0]) for each in shown.slices] == [False, True, False]
    assert [bool(each.predicted[0][0]) for each in shown.slices] == [False, False, True]
    assert shown.fullest == 1
    assert shown.slices[1].reference[0].endswith("h4v3h-4z")


def test_the_strip_holds_every_slice_between_its_own_edges():
    images = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((3, 8, 8), np.float32)
    labels = np.ones((2, 3, 8, 8), dtype=np.uint8)

    shown = outline_case(images, labels, **FACTS, most_slices=24)

    pixels = np.asarray(Image.open(io.BytesIO(shown.strip)))
    assert pixels.shape == (3 * (8 + 2), 8)
    assert [set(part.ravel()) for part in np.split(pixels, 3)] == [{0}, {128}, {255}]


def test_a_constant_image_has_a_window():
    low, high = window(np.zeros((2, 4, 4), np.float32))

    assert low < high


@given(stack=arrays(np.uint8, (2, 3, 6, 6), elements=st.integers(0, 1)))
def test_any_labels_can_be_shown(stack):
    shown = outline_case(np.zeros((3, 6, 6), np.float32), stack, **FACTS, most_slices=2)

    assert 0 <= shown.fullest < len(shown.slices) <= 2


def test_the_section_states_what_is_left_out_or_missing(segmentations, shown_case):
    some = segmentations_section(segmentations(shown_case(), num_cases=30))
    none = segmentations_section(segmentations(missing="The prepared slices are gone."))
    disjoint = segmentations_section(segmentations())

    assert "1 of 30 cases" in some
    assert "The prepared slices are gone." in none
    assert "No case was predicted by all" in disjoint
    assert "checkbox" not in none


def test_a_held_out_case_is_labelled_with_its_patient(segmentations, shown_case):
    shown = shown_case(patient="Anna", held_out=True)

    assert "patient Anna, held out" in segmentations_section(segmentations(shown))


def test_classes_never_share_a_colour():
    fills = [class_colour(number) for number in range(20)]

    assert len(set(fills)) == 20


@pytest.mark.parametrize(("num_cases", "side"), [(32, 64), (32, 128), (40, 320)])
def test_noisy_patients_stay_within_a_few_megabytes(segmentations, shown_case, num_cases, side):
    rng = np.random.default_rng(0)
    cases, slices = page_capacity(num_cases, side)
    blobs = rng.random((3, slices, side // 4, side // 4)) > 0.5
    labels = blobs.repeat(4, axis=2).repeat(4, axis=3).astype(np.uint8)
    images = rng.normal(size=(slices, side, side)).astype(np.float32)
    shown = outline_case(images, labels, **FACTS | {"dice": (0.5, 0.5)}, most_slices=slices)

    section = segmentations_section(segmentations(*[shown] * cases))

    assert len(section or "") < 6_000_000


def test_regions_have_outlines_of_all_their_labels_and_ignored_pixels_one_of_their_own(
    segmentations,
):
    labels = np.zeros((2, 1, 8, 8), np.uint8)
    labels[:, 0, 3:5, 3:5] = 1
    labels[:, 0, 4, 4] = 2
    labels[0, 0, 0] = IGNORED
    targets = Targets(num_labels=2, regions=((1, 2), (2,)), written=(1, 2), ignores=True)
    images = np.zeros((1, 8, 8), np.float32)
    shown = outline_case(images, labels, **FACTS | {"targets": targets}, most_slices=1)

    assert (shown.height, shown.width) == (8, 8)
    (only,) = shown.slices
    assert only.reference == only.predicted[0] == ("M3 3h2v2h-2z", "M3 3h1v1h-1z")
    assert only.ignored == "M7 0h1v8h-1z"
    section = segmentations_section(segmentations(shown, network_names=("one",)))
    assert "Ignored pixels are grey" in section
    assert section.count('href="#ignored-0-0"') == 2
    plain = outline_case(images, labels % IGNORED, **FACTS, most_slices=1)
    assert "gnored" not in segmentations_section(segmentations(plain, network_names=("one",)))


def test_colours_are_kept_in_the_strip():
    images = np.zeros((1, 8, 8, 3), np.float32)
    images[..., 0] = -1
    images[0, :4, :, 0] = 1  # the first axis runs to the left
    images[0, :, :, 1] = np.linspace(-1, 1, 8)
    shown = outline_case(images, np.zeros((1, 1, 8, 8), np.uint8), **FACTS, most_slices=1)
    strip = np.asarray(Image.open(io.BytesIO(shown.strip)))
    assert strip.shape == (10, 8, 3)
    assert strip[5, 7, 0] == 255
    assert strip[5, 0, 0] == 0
    assert (strip[..., 2] == 128).all()  # one window for all colours
