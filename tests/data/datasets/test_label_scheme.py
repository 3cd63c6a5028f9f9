"""Declared labels: regions and ignored voxels are read as nnU-Net v2 reads them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.datasets.declared_labels import labels_of
from mbnas.data.datasets.label_scheme import IGNORED, LabelClass, LabelScheme, Targets
from mbnas.errors import DatasetError

BRAIN = {
    "labels": {
        "background": 0,
        "whole tumor": [1, 2, 3],
        "tumor core": [2, 3],
        "enhancing": 3,
        "ignore": 4,
    },
    "regions_class_order": [1, 2, 3],
}


def scheme_of(tmp_path, **changes):
    return labels_of(tmp_path, BRAIN | changes)


def test_regions_keep_their_order_and_the_label_they_are_written_as(tmp_path):
    scheme = scheme_of(tmp_path)
    assert [(each.name, each.value, each.labels) for each in scheme.classes] == [
        ("whole tumor", 1, (1, 2, 3)),
        ("tumor core", 2, (2, 3)),
        ("enhancing", 3, (3,)),
    ]
    assert (scheme.values, scheme.ignore, scheme.declared) == ((1, 2, 3), 4, (0, 1, 2, 3, 4))
    assert scheme.label_names == ("whole tumor", "tumor core", "enhancing")
    assert scheme.targets == Targets(
        num_labels=3, regions=((1, 2, 3), (2, 3), (3,)), written=(1, 2, 3), ignores=True
    )


@pytest.mark.parametrize(
    "labels",
    [
        BRAIN["labels"],
        {"background": 0, "whole tumor": [1, 2, 3], "core": [3, 2], "enhancing": 3},
        {"background": 0, "a": 1, "b": 2, "ignore": 3},
        {"background": 0, "b": 2, "a": 1},
        {"background": 0, "a": [1], "b": [2], "ignore": 3},
    ],
)
def test_outputs_and_labels_are_those_of_nnunet(tmp_path, labels):
    handling = pytest.importorskip("nnunetv2.utilities.label_handling.label_handling")
    theirs = handling.LabelManager(labels, [1, 2, 3])
    ours = scheme_of(tmp_path, labels=labels)
    assert ours.targets.num_outputs == theirs.num_segmentation_heads
    assert ours.has_regions == theirs.has_regions
    assert (0, *ours.values) == tuple(theirs.all_labels)
    assert ours.ignore == theirs.ignore_label
    if theirs.has_regions:
        regions = [each if isinstance(each, tuple) else (each,) for each in theirs.all_regions]
        assert [set(each.labels) for each in ours.classes] == [set(each) for each in regions]


def test_a_list_of_one_label_is_a_class_unless_others_are_regions(tmp_path):
    labels = {"background": 0, "liver": [1], "ignore": 2}
    scheme = labels_of(tmp_path, {"labels": labels})
    assert scheme == LabelScheme(classes=(LabelClass(value=1, name="liver"),), ignore=2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"regions_class_order": None}, "needs 'regions_class_order' as a list of 3 labels"),
        ({"regions_class_order": [1, 2]}, "as a list of 3 labels, not .1, 2."),
        ({"regions_class_order": [1, 2, "c"]}, "as a list of 3 labels"),
        ({"regions_class_order": [3, 2, 1]}, "gives the region enhancing the label 1"),
        ({"regions_class_order": [3, 2, 3]}, "the label 3 .* which no other region is given"),
        ({"labels": {"a": [1, 2], "b": []}}, "declares the region 'b' as .*a list of different"),
        ({"labels": {"a": [1, 2], "b": [2, 2]}}, "declares the region 'b' as"),
        ({"labels": {"a": [0, 1], "b": 2}}, "without the background 0"),
        ({"labels": {"a": [1, "x"], "b": 2}}, "declares the region 'a' as"),
        ({"labels": {"a": [1, [2]], "b": 2}}, "declares the region 'a' as"),
        ({"labels": {"a": 1, "ignore": [2]}}, "declares 'ignore' as a region .2., and it is one"),
        ({"labels": {"a": 3, "ignore": 2}}, "declares the label 2 as ignore, and another label 3"),
        ({"labels": {"a": 3, "ignore": 3}}, "ignored voxels have the highest label"),
        ({"labels": {"a": 3, "ignore": 0}}, "ignored voxels have the highest label"),
        ({"labels": {"ignore": 1}}, "declares 0 foreground labels: there must be 1 to 254"),
        (
            {"labels": {f"c{k}": k for k in range(1, 256)} | {"ignore": 256}},
            "declares 255 foreground labels: there must be 1 to 254",
        ),
    ],
)
def test_declarations_that_cannot_be_used_are_refused(tmp_path, changes, sentence):
    with pytest.raises(DatasetError, match=sentence) as caught:
        scheme_of(tmp_path, **changes)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "dataset.json") in str(caught.value)


def test_255_classes_are_possible_without_ignored_voxels(tmp_path):
    labels = {f"c{k}": k for k in range(1, 256)}
    scheme = labels_of(tmp_path, {"labels": labels})
    values = np.arange(256)
    assert np.array_equal(scheme.in_files(scheme.prepared(values)), values)
    assert scheme.targets.is_labelled(np.array([255], np.uint8)).all()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20, unique=True), st.booleans())
def test_prepared_labels_are_numbers_and_can_be_undone(values, has_ignored):
    classes = tuple(LabelClass(value=each, name=str(each)) for each in sorted(values))
    scheme = LabelScheme(classes=classes, ignore=max(values) + 3 if has_ignored else None)
    in_files = np.random.default_rng(0).choice(scheme.declared, (4, 5, 6))
    prepared = scheme.prepared(in_files)
    assert np.array_equal(scheme.in_files(prepared), in_files)
    is_ignored = in_files == scheme.ignore
    assert np.array_equal(scheme.targets.is_labelled(prepared), ~is_ignored)
    assert (prepared[is_ignored] == IGNORED).all()
    assert prepared[~is_ignored].max(initial=0) <= len(values)


def test_voxels_of_regions_are_counted_as_masks():
    targets = Targets(num_labels=3, regions=((1, 2, 3), (2, 3), (3,)), written=(1, 2, 3))
    labels = np.random.default_rng(0).choice((0, 1, 2, 3, IGNORED), (7, 8)).astype(np.uint8)
    ignoring = Targets(num_labels=3, regions=targets.regions, written=targets.written, ignores=True)
    expected = [(labels == 0).sum()]
    expected += [np.isin(labels, region).sum() for region in targets.regions]
    assert ignoring.voxels(labels).tolist() == expected
    assert ignoring.present(np.array([[0, 2], [IGNORED, 0]], np.uint8)) == (1, 2)


def test_classes_without_regions_have_the_same_json_as_before():
    assert LabelClass(value=2, name="b").to_json() == {"value": 2, "name": "b"}
    region = LabelClass(value=2, name="b", region=(2, 3))
    assert LabelClass.from_json(region.to_json()) == region
