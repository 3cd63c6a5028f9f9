"""Label maps and their references: pairs, metrics and summaries."""

import json

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbnas.data.datasets.label_scheme import LabelClass, LabelScheme
from mbnas.data.images.write import write_image
from mbnas.errors import DatasetError
from mbnas.report.tables.prediction_scores_table import (
    case_rows,
    left_out,
    scores_notes,
    scores_table,
    scores_values,
)
from mbnas.results.label_pairs import Pair, evaluate_pairs, find_pairs, measure_pair
from mbnas.results.prediction_scores import ABSENT, prediction_scores
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.scoring.surface_distance import measure

ONE = LabelScheme(classes=(LabelClass(value=1, name="one"),))
AFFINE = np.diag([0.5, -0.7, 3.0, 1.0])


def labels_of(seed, values=(0, 1, 5)):
    return np.random.default_rng(seed).choice(values, (8, 9, 5)).astype(np.uint8)


def write(path, labels, affine=AFFINE):
    path.parent.mkdir(exist_ok=True)
    write_image(path, labels[None], affine)
    return path


def test_a_pair_is_measured_as_the_comparison_measures(tmp_path):
    one, other = labels_of(0), labels_of(1)
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p.nii.gz", one),
        reference=write(tmp_path / "r.nii", other),
    )
    found = measure_pair(pair)
    prediction, reference = (np.digitize(each, [1, 5])[:, ::-1] for each in (one, other))
    expected = measure(prediction, reference, num_classes=3, spacing_mm=(0.5, 0.7, 3.0))
    assert found == {1: expected[0], 5: expected[1]}


def test_pairs_share_a_name_with_any_suffix(tmp_path):
    for name in ("a.nii.gz", "a_probabilities.nii.gz", "a_uncertainty.nii.gz", "b.nii", "d.nii"):
        write(tmp_path / "predictions" / name, labels_of(0))
    (tmp_path / "predictions/prediction.json").write_text("{}")
    (tmp_path / "predictions/._a.nii.gz").write_text("")
    for name in ("a.nii", "b.nii.gz", "c.nii.gz"):
        write(tmp_path / "references" / name, labels_of(0))
    pairs = find_pairs(tmp_path / "predictions", tmp_path / "references")
    assert [each.case for each in pairs.both] == ["a", "b"]
    assert (pairs.missing, pairs.without_reference) == (("c",), ("d",))
    scores = evaluate_pairs(pairs)
    assert [each.name for each in scores.classes] == ["1", "5"]
    assert scores.summary.metrics["dice"].overall.mean == 1
    notes = " ".join((*scores_notes(scores), *left_out(scores)))
    assert "1 reference without a prediction, in no mean: c." in notes
    assert "1 file without a reference, not read: d." in notes


@pytest.mark.parametrize(
    ("predictions", "references", "words"),
    [
        ("absent", "folder", "does not exist"),
        ("folder", "file.nii", "a file and a folder"),
        ("folder", "other", "No label map in"),
        ("twice", "folder", r"holds a as a\.nii and as a\.nii\.gz"),
    ],
)
def test_invalid_pairs_are_refused(tmp_path, predictions, references, words):
    for name in ("folder/a.nii", "other/b.nii", "twice/a.nii", "twice/a.nii.gz", "file.nii"):
        write(tmp_path / name, labels_of(0))
    with pytest.raises(DatasetError, match=words):
        find_pairs(tmp_path / predictions, tmp_path / references)


def refused(tmp_path, voxels, words, affine=AFFINE, **options):
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p.nii", voxels, affine),
        reference=write(tmp_path / "r.nii", labels_of(0)),
    )
    with pytest.raises(DatasetError, match=words):
        measure_pair(pair, **options)


def test_predictions_must_be_label_maps_on_the_grid_of_the_reference(tmp_path):
    refused(tmp_path, labels_of(0)[:-1], "is not on the grid of")
    refused(tmp_path, labels_of(0), "is not on the grid of", np.diag([0.5, 0.7, 3.0, 1.0]))
    shifted = AFFINE.copy()
    shifted[2, 3] = 1.5
    refused(tmp_path, labels_of(0), r"corners up to 1\.5 mm or 0\.5 voxels apart", shifted)
    refused(tmp_path, labels_of(0) + np.float32(0.5), "labels are whole numbers")
    refused(tmp_path, np.full((8, 9, 5), np.nan, np.float32), "labels are whole numbers")
    refused(tmp_path, np.arange(360).reshape(8, 9, 5), "looks like an image")
    refused(tmp_path, labels_of(0), "holds label 5, and the dataset declares 1", labels=ONE)


def test_the_order_in_which_voxels_are_stored_does_not_matter(tmp_path):
    image = nib.Nifti1Image(labels_of(0), AFFINE)
    turned = image.as_reoriented(nib.orientations.axcodes2ornt(("S", "L", "A")))
    for name, each in (("p.nii", image), ("r.nii", turned)):
        nib.save(each, tmp_path / name)
    pair = Pair(case="a", prediction=tmp_path / "p.nii", reference=tmp_path / "r.nii")
    assert turned.shape != image.shape
    assert {each.dice for each in measure_pair(pair).values()} == {1}


def test_affines_may_differ_by_a_rounding(tmp_path):
    rounded = AFFINE.copy()
    rounded[:3, 3] = 0.005
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p.nii", labels_of(0), rounded),
        reference=write(tmp_path / "r.nii", labels_of(0)),
    )
    assert {each.dice for each in measure_pair(pair).values()} == {1}


def test_a_case_that_cannot_be_measured_does_not_stop_the_others(tmp_path):
    for name in ("a", "b", "c"):
        write(tmp_path / f"references/{name}.nii", labels_of(0))
        write(tmp_path / f"predictions/{name}.nii", labels_of(0))
    write(tmp_path / "predictions/b.nii", labels_of(0)[:-1])
    pairs = find_pairs(tmp_path / "predictions", tmp_path / "references")
    scores = evaluate_pairs(pairs)
    assert scores.cases == ("a", "c")
    assert scores.summary.metrics["dice"].overall.mean == 1
    assert list(scores.failed) == ["b"]
    assert "is not on the grid of" in scores.failed["b"]
    assert scores_values(scores)["failed"] == [
        {"case": case, "reason": reason} for case, reason in scores.failed.items()
    ]
    assert "1 case that could not be measured, in no mean: b." in left_out(scores)


def test_an_error_is_raised_if_no_case_can_be_measured(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"references/{name}.nii", labels_of(0))
        write(tmp_path / f"predictions/{name}.nii", labels_of(0)[:-1])
    pairs = find_pairs(tmp_path / "predictions", tmp_path / "references")
    with pytest.raises(DatasetError, match=r"a\.nii is not on .* None of the 2 cases can be"):
        evaluate_pairs(pairs)


def test_files_that_look_like_images_and_are_not_read_are_named(tmp_path):
    write(tmp_path / "predictions/a.NII.GZ", labels_of(0))
    write(tmp_path / "references/a.nii.gz", labels_of(0))
    for name in ("predictions/b.nii.bz2", "references/c.mnc", "references/notes.txt"):
        (tmp_path / name).write_bytes(b"")
    pairs = find_pairs(tmp_path / "predictions", tmp_path / "references")
    assert [each.case for each in pairs.both] == ["a"]
    assert {each.file.rpartition("/")[2] for each in pairs.passed_over} == {"b.nii.bz2", "c.mnc"}
    scores = evaluate_pairs(pairs)
    assert len(scores_values(scores)["passed_over"]) == 2
    assert "c.mnc" in left_out(scores)[-1]


def test_any_numbers_may_be_labels(tmp_path):
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p.nii", labels_of(0).astype(np.float32) * -300),
        reference=write(tmp_path / "r.nii", labels_of(0).astype(np.int16) * -300),
    )
    found = measure_pair(pair)
    assert {value: each.dice for value, each in found.items()} == {-1500: 1, -300: 1}
    empty = write(tmp_path / "e.nii", np.zeros((8, 9, 5), np.uint8))
    assert measure_pair(Pair(case="a", prediction=empty, reference=empty)) == {}


def metric_summaries(dice, predicted=10):
    return ClassMetrics(
        dice=dice,
        hd95_mm=10 - 10 * dice,
        surface_dice=dice / 2,
        predicted_voxels=predicted,
        reference_voxels=10,
    )


CLASSES = (LabelClass(value=1, name="front"), LabelClass(value=4, name="back"))
MEASURED = {
    "a": {1: metric_summaries(0.5), 4: metric_summaries(0.9)},
    "b": {1: metric_summaries(0.7)},
    "c": {1: metric_summaries(0.0, predicted=0), 4: metric_summaries(0.8)},
}


def test_a_mean_is_over_cases_then_over_classes():
    scores = prediction_scores(MEASURED, CLASSES, missing=("d",))
    assert scores.metrics[1][1] == ABSENT
    dice = scores.summary.metrics["dice"]
    assert_allclose([each.mean for each in dice.per_class], [0.4, 0.85])
    assert_allclose(dice.overall.mean, (0.4 + 0.85) / 2)
    assert_allclose(dice.per_class[0].sd, np.std([0.5, 0.7, 0.0], ddof=1))
    assert dice.overall.interval.low < dice.overall.mean < dice.overall.interval.high
    counts = [(each.num_undefined, each.num_missed) for each in scores.summary.counts]
    assert counts == [(0, 1), (1, 0)]
    table = scores_table(scores)
    assert [row[0].text for row in table.rows] == ["front", "back", "mean"]
    assert [row[-1].text for row in table.rows] == ["0 (1)", "1 (0)", "1 (1)"]


def test_classes_are_those_found_unless_they_are_given():
    found = prediction_scores(MEASURED)
    assert [each.to_json() for each in found.classes] == [
        {"value": 1, "name": "1"},
        {"value": 4, "name": "4"},
    ]
    assert found.summary == prediction_scores(MEASURED, CLASSES).summary


@pytest.mark.parametrize("measured", [{"a": {1: metric_summaries(0.5)}}, {"a": {}, "b": {}}])
def test_one_case_has_no_spread_and_no_interval(measured):
    scores = prediction_scores(measured)
    values = json.loads(json.dumps(scores_values(scores), allow_nan=False))
    overall = values["measures"][0]
    assert (overall["class"], overall["sd"], overall["low"]) == (None, None, None)
    assert overall["mean"] == (0.5 if measured["a"] else None)
    assert len(list(case_rows(scores))) == len(measured["a"])
    assert len(scores_table(scores).rows) == 1


BRAIN = LabelScheme(
    classes=(
        LabelClass(value=1, name="whole", region=(1, 2, 5)),
        LabelClass(value=5, name="core", region=(2, 5)),
    ),
    ignore=6,
)


def test_regions_are_scored_and_ignored_voxels_are_not(tmp_path):
    prediction, reference = labels_of(0, (0, 1, 2, 5)), labels_of(1, (0, 1, 2, 5, 6))
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p/a.nii", prediction),
        reference=write(tmp_path / "r/a.nii", reference),
    )
    found = measure_pair(pair, labels=BRAIN)
    for each in BRAIN.classes:
        one, other = (
            np.isin(labels, each.region) & (reference != 6) for labels in (prediction, reference)
        )
        assert found[each.value].dice == 2 * (one & other).sum() / (one.sum() + other.sum())
    changed = np.where(reference == 6, 1, prediction)
    write(tmp_path / "p/a.nii", changed)
    assert measure_pair(pair, labels=BRAIN) == found
    scores = evaluate_pairs(find_pairs(tmp_path / "p", tmp_path / "r"), BRAIN)
    assert [(row["class"], row["label"]) for row in case_rows(scores)] == [
        ("whole", 1),
        ("core", 5),
    ]
    assert scores_values(scores)["classes"][0] == {
        "value": 1,
        "name": "whole",
        "labels": [1, 2, 5],
    }


def test_a_prediction_does_not_hold_the_ignore_label(tmp_path):
    voxels = labels_of(0, (0, 1, 6))
    refused(tmp_path, voxels, r"p\.nii holds label 6, and the dataset declares", labels=BRAIN)


def test_outputs_of_one_reference_with_ignored_voxels_alone_are_undefined(tmp_path):
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p.nii", labels_of(0)),
        reference=write(tmp_path / "r.nii", np.full((8, 9, 5), 6, np.uint8)),
    )
    assert {each.dice for each in measure_pair(pair, labels=BRAIN).values()} == {None}


def test_dice_of_regions_without_ignored_voxels_is_that_of_nnunet(tmp_path):
    evaluation = pytest.importorskip("nnunetv2.evaluation.evaluate_predictions")
    reader = pytest.importorskip("nnunetv2.imageio.nibabel_reader_writer")
    pair = Pair(
        case="a",
        prediction=write(tmp_path / "p.nii.gz", labels_of(2, (0, 1, 2, 5))),
        reference=write(tmp_path / "r.nii.gz", labels_of(3, (0, 1, 2, 5, 6))),
    )
    theirs = evaluation.compute_metrics(
        str(pair.reference),
        str(pair.prediction),
        reader.NibabelIO(),
        [each.region for each in BRAIN.classes],
        ignore_label=6,
    )
    found = measure_pair(pair, labels=BRAIN)
    for each in BRAIN.classes:
        expected = theirs["metrics"][each.region]
        assert found[each.value].dice == pytest.approx(expected["Dice"])
        assert found[each.value].predicted_voxels == expected["n_pred"]
        assert found[each.value].reference_voxels == expected["n_ref"]
