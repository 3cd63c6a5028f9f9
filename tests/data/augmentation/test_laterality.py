"""Classes named after a side: which are exchanged in a flip, and when flips are off."""

import numpy as np
import pytest
import torch

from mbnas.data.augmentation.laterality import decide_flips, mirrored_classes, resolve_flips
from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.augmentation.transform import mirror_labels
from mbnas.errors import ConfigurationError

AXES = ("left-right",)

PAIRS = [
    ("left kidney", "right kidney"),
    ("Kidney, LEFT", "Kidney, RIGHT"),
    ("kidney (left)", "right kidney"),
    ("L", "R"),
    ("kidney_L", "kidney_R"),
    ("kidney.l", "kidney.r"),
    ("kidney_lt", "kidney_rt"),
    ("lh.hippocampus", "rh.hippocampus"),
    ("ctx-lh-precuneus", "ctx-rh-precuneus"),
    ("Left-Cerebral-White-Matter", "Right-Cerebral-White-Matter"),
    ("LeftKidney", "RightKidney"),
    ("KidneyL", "KidneyR"),
    ("LKidney", "RKidney"),
    ("leftkidney", "rightkidney"),
    ("kidneyleft", "kidneyright"),
    ("ren sinister", "ren dexter"),
    ("niere_links", "niere_rechts"),
    ("sin", "dex"),
    ("Left-Lateral-Ventricle", "Right-Lateral-Ventricle"),
    ("left temporal lobe", "right temporal lobe"),
    ("rib_left_1", "rib_right_1"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=map(str, PAIRS))
def test_pairs_are_exchanged_in_a_flip(pair):
    left, right = pair
    flips = decide_flips([right, "liver", left], AXES)
    assert (flips.axes, flips.mirror_pairs) == (AXES, (pair,))
    (notice,) = flips.notices
    assert notice == f"Left-right flips swap the labels of {left} and {right}."


NO_SIDES = [
    ["Anterior", "Posterior"],
    ["PZ", "TZ"],
    ["bright spot", "upright part", "cleft", "copyright"],
    ["vertebra_L1", "vertebra_L2", "L 3", "L-4", "R 1"],
    ["liver", "spleen", "lung", "leftover"],
    ["left and right kidney", "kidneys (left+right)"],
    ["l'aorte", "lesion", "renal", "ventral"],
    ["tumor", "core", "ring", "lamina", "ramus"],
]


@pytest.mark.parametrize("names", NO_SIDES, ids=map(str, NO_SIDES))
def test_names_without_a_side_do_not_change_flips(names):
    flips = decide_flips(names, AXES)
    assert (flips.axes, flips.mirror_pairs, flips.notices) == (AXES, (), ())


NOT_CERTAIN = {
    "left kidney": (["left kidney", "liver"], "names a side, and not exactly one class is"),
    "of three": (["left a", "right a", "left b"], "the class left b names a side"),
    "twice": (["left a", "right a", "Right A"], "names a side"),
    "heart": (["left ventricle", "right ventricle"], "not mirror images of each other"),
    "atrium": (["left atrium"], "the class left atrium is a side of an organ"),
    "ACDC": (["RV", "MYO", "LV"], "the class RV is a side of an organ"),
    "lobes": (["left upper lobe", "right upper lobe"], "not mirror images of each other"),
    "liver": (["left lobe of the liver", "right lobe of the liver"], "not mirror images"),
    "abbreviations": (["LK", "RK"], "the classes LK and RK may be two sides of the body"),
    "letters": (["kidneyl", "kidneyr"], "may be two sides of the body"),
}


@pytest.mark.parametrize(("names", "reason"), NOT_CERTAIN.values(), ids=NOT_CERTAIN)
def test_flips_are_off_if_swapping_is_wrong_or_uncertain(names, reason):
    flips = decide_flips(names, AXES)
    assert (flips.axes, flips.mirror_pairs) == ((), ())
    (notice,) = flips.notices
    assert notice.startswith("Slices are not flipped left to right: ")
    assert reason in notice
    assert "augmentation.mirror_pairs" in notice


def test_flips_are_off_along_an_axis_that_classes_are_named_after():
    flips = decide_flips(["Anterior", "Posterior"], ("left-right", "posterior-anterior"))
    assert flips.axes == ("left-right",)
    assert "not flipped across the posterior-anterior axis: the class Anterior" in flips.notices[0]


def test_settings_with_pairs_are_kept():
    names = ["LK", "RK"]
    for pairs in ((), (("LK", "RK"),)):
        asked = AugmentationSettings(mirror_pairs=pairs)
        assert resolve_flips(asked, names) == (asked, ())
    decided, notices = resolve_flips(AugmentationSettings(), ["left eye", "right eye"])
    assert decided.mirror_pairs == (("left eye", "right eye"),)
    assert len(notices) == 1
    assert resolve_flips(decided, ["left eye", "right eye"]) == (decided, ())


@pytest.mark.parametrize(
    ("pairs", "names", "sentence"),
    [
        ((("a", "c"),), ["a", "b"], "names 'c', but there is no such class"),
        ((("a", "b"),), ["a", "b", "b"], "names 'b', but 2 classes are called so"),
    ],
)
def test_pairs_of_other_classes_are_refused(pairs, names, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        resolve_flips(AugmentationSettings(mirror_pairs=pairs), names)


@pytest.mark.parametrize("pairs", [(("a",),), (("a", "b", "c"),), (("a", "b"), ("b", "c"))])
def test_an_invalid_pair_is_refused(pairs):
    with pytest.raises(ConfigurationError, match=r"augmentation\.mirror_pairs .* must be pairs"):
        AugmentationSettings(mirror_pairs=pairs)


def test_swapping_the_labels_of_mirrored_slices_is_its_own_inverse():
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (3, 5, 5)).astype(np.uint8))
    swap = mirrored_classes([("left eye", "right eye")], ["left eye", "nose", "right eye"])
    assert swap == (0, 3, 2, 1)
    mirrored = torch.tensor([True, False, True])
    swapped = mirror_labels(labels, mirrored, swap)
    assert torch.equal(swapped[1], labels[1])
    for number in (0, 2):
        for before, after in ((0, 0), (1, 3), (2, 2), (3, 1)):
            assert torch.equal(swapped[number] == after, labels[number] == before)
    assert torch.equal(mirror_labels(swapped, mirrored, swap), labels)


def test_regions_that_are_sides_are_not_flipped_left_to_right():
    names = ["left kidney", "right kidney", "both"]
    asked = AugmentationSettings(flip_axes=AXES)
    decided, notices = resolve_flips(asked, names, has_regions=True)
    assert decided.mirror_pairs == ()
    assert decided.flip_axes == tuple(axis for axis in AXES if axis != "left-right")
    assert "the regions left kidney and right kidney are sides of the body" in notices[-1]
    assert resolve_flips(decided, names, has_regions=True) == (decided, ())
    plain = ["whole tumor", "tumor core"]
    assert resolve_flips(asked, plain, has_regions=True)[0].flip_axes == AXES


def test_pairs_of_regions_cannot_be_asked_for():
    asked = AugmentationSettings(mirror_pairs=(("left", "right"),))
    with pytest.raises(ConfigurationError, match="this dataset has regions: set it to"):
        resolve_flips(asked, ["left", "right"], has_regions=True)
