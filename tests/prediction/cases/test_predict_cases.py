"""Folders of cases: each to its files, on after an interruption, never mixed with another's."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mbnas.data.images.geometry import Geometry
from mbnas.errors import DatasetError, UsageError
from mbnas.prediction.cases import predict_cases as module
from mbnas.prediction.cases.input_cases import find_cases
from mbnas.prediction.cases.predict_cases import predict_cases
from mbnas.prediction.cases.prediction_options import Destination, PredictionOptions
from mbnas.prediction.cases.prediction_record import predictions_in
from mbnas.prediction.image_warnings import image_warnings
from mbnas.prediction.predictor import Predictor

from ..conftest import Z_SCORE, card_of

ALL = PredictionOptions(probabilities=True, uncertainty=True, overlay=True)


def run(images):
    """Logits by intensity: the brighter, the higher the class."""
    levels = np.array([0.0, 1.0, 2.0], np.float32).reshape(1, 3, 1, 1)
    return images * levels - levels**2 / 2


PREDICTOR = Predictor(card=card_of(), members=(run,))


@pytest.fixture
def folder(tmp_path):
    """Three images, one of which is damaged."""
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    affine = np.array([[0, 0, 3.1, 9], [-0.9, 0.1, 0, 70], [0.1, 0.9, 0, -4], [0, 0, 0, 1]])
    for name in "ac":
        voxels = rng.integers(0, 9, (20, 24, 6)).astype(np.int16)
        nib.save(nib.Nifti1Image(voxels, affine), tmp_path / f"in/{name}.nii.gz")
    (tmp_path / "in/b.nii.gz").write_bytes(b"\x1f\x8b damaged")
    return tmp_path


def predicted(folder, options=ALL, predictor=PREDICTOR, source="in", to="out", **more):
    destination = Destination.of(folder / to, is_folder=(folder / source).is_dir())
    cases = find_cases(folder / source, 1, made=predictions_in(destination)).cases
    return predict_cases(predictor, cases, destination, options, **more)


def test_a_case_that_cannot_be_read_stops_no_other(folder):
    steps, told = [], []
    tally = predicted(
        folder,
        progress=lambda done, total: steps.append((done, total)),
        warn=lambda *words: told.append(words),
        workers=2,
    )
    assert (tally.predicted, tally.skipped, list(tally.failed)) == (("a", "c"), (), ["b"])
    assert "damaged" in tally.failed["b"]
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {case for case, _ in told} == {"a", "c"}
    image = nib.load(folder / "in/a.nii.gz")
    labels = nib.load(folder / "out/a.nii.gz")
    probabilities = nib.load(folder / "out/a_probabilities.nii.gz")
    uncertainty = nib.load(folder / "out/a_uncertainty.nii.gz")
    for each in (labels, probabilities, uncertainty):
        assert each.affine.tobytes() == image.affine.tobytes()
        assert each.shape[:3] == image.shape
    assert probabilities.shape[3] == 3
    classes = np.array([0, 1, 5])[np.asarray(probabilities.dataobj).argmax(axis=-1)]
    assert np.array_equal(classes, np.asarray(labels.dataobj))
    assert 0 <= np.asarray(uncertainty.dataobj).min() <= np.asarray(uncertainty.dataobj).max() <= 1
    assert (folder / "out/a_overlay.png").read_bytes().startswith(b"\x89PNG")
    assert not [each for each in (folder / "out").iterdir() if each.name.startswith(".")]


def test_the_record_says_what_was_done_by_what(folder):
    predicted(folder, PredictionOptions(keep_largest=True))
    facts = json.loads((folder / "out/prediction.json").read_text())
    assert "no medical device" in facts["notice"]
    assert facts["model"]["network"] == PREDICTOR.card.network
    assert facts["options"]["keep_largest"] is True
    assert facts["cases"]["b"]["status"] == "failed"
    of_a = facts["cases"]["a"]
    assert (of_a["status"], of_a["shape"], of_a["files"]) == (
        "predicted",
        [20, 24, 6],
        ["a.nii.gz"],
    )
    assert of_a["images"][0]["file"] == "a.nii.gz"


def test_an_interrupted_folder_goes_on_where_it_stopped(folder, monkeypatch):
    write_label, written = module.write_label, []

    def interrupted(path, *arguments):
        if path.name == "c.nii.gz" and not written:
            raise KeyboardInterrupt
        write_label(path, *arguments)

    monkeypatch.setattr(module, "write_label", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predicted(folder)
    assert not (folder / "out/c.nii.gz").exists()
    written.append(True)
    first = (folder / "out/a.nii.gz").stat().st_mtime_ns
    tally = predicted(folder)
    assert (tally.predicted, tally.skipped, list(tally.failed)) == (("c",), ("a",), ["b"])
    assert (folder / "out/a.nii.gz").stat().st_mtime_ns == first


def test_a_folder_of_channel_files_can_hold_its_own_predictions(folder, monkeypatch):
    for name in "abc":
        (folder / f"in/{name}.nii.gz").rename(folder / f"in/{name}_0000.nii.gz")
    (folder / "in/b_0000.nii.gz").unlink()
    write_label, interrupted = module.write_label, []

    def interrupt(path, *arguments):
        write_label(path, *arguments)
        if path.name == "a.nii.gz" and not interrupted:  # written, and not in the record
            interrupted.append(path)
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_label", interrupt)
    with pytest.raises(KeyboardInterrupt):
        predicted(folder, to="in")
    assert (folder / "in/a.nii.gz").exists()
    tally = predicted(folder, to="in")
    assert (tally.predicted, tally.skipped, tally.failed) == (("a", "c"), (), {})
    again = predicted(folder, to="in")
    assert (again.predicted, again.skipped, again.failed) == ((), ("a", "c"), {})
    assert predicted(folder, PredictionOptions(), to="in", overwrite=True).predicted == ("a", "c")
    assert {each.name for each in (folder / "in").iterdir()} == {
        *("a_0000.nii.gz", "c_0000.nii.gz", "a.nii.gz", "c.nii.gz", "prediction.json")
    }


def test_what_changed_or_is_gone_is_predicted_again(folder):
    predicted(folder)
    (folder / "out/a_uncertainty.nii.gz").unlink()
    nib.save(nib.Nifti1Image(np.ones((8, 8, 4)), np.eye(4)), folder / "in/c.nii.gz")
    nib.save(nib.Nifti1Image(np.ones((8, 8, 4)), np.eye(4)), folder / "in/b.nii.gz")
    assert predicted(folder).predicted == ("a", "b", "c")
    assert nib.load(folder / "out/c.nii.gz").shape == (8, 8, 4)
    assert predicted(folder).skipped == ("a", "b", "c")


def test_predictions_of_two_models_or_options_never_mix(folder):
    predicted(folder)
    with pytest.raises(UsageError, match="holds predictions made differently: with --overlay"):
        predicted(folder, replace(ALL, overlay=False))
    other = replace(PREDICTOR, card=card_of(network="unet"))
    with pytest.raises(UsageError, match="by the network 0vgg3"):
        predicted(folder, predictor=other)
    others = replace(PREDICTOR, card=card_of(slice_size=16))
    with pytest.raises(UsageError, match="by other weights or another preparation"):
        predicted(folder, predictor=others)
    assert predicted(folder, predictor=others, overwrite=True).predicted == ("a", "c")


def test_nothing_of_what_is_replaced_stays(folder):
    predicted(folder)
    (folder / "out/mine.nii.gz").write_text("precious")
    facts = json.loads((folder / "out/prediction.json").read_text())
    facts["cases"]["b"] = {"files": ["../in/a.nii.gz", "prediction.json", 3]}
    (folder / "out/prediction.json").write_text(json.dumps(facts))
    (folder / "in/c.nii.gz").unlink()
    predicted(folder, PredictionOptions(), overwrite=True)
    names = {each.name for each in (folder / "out").iterdir()}
    assert names == {"a.nii.gz", "mine.nii.gz", "prediction.json"}
    assert (folder / "in/a.nii.gz").exists()


def test_files_of_nobody_knows_whom_are_not_replaced(folder):
    (folder / "out").mkdir()
    (folder / "out/c.nii.gz").write_text("precious")
    with pytest.raises(UsageError, match=r"out/c\.nii\.gz exists already"):
        predicted(folder)
    (folder / "out/prediction.json").write_text("[]")
    with pytest.raises(UsageError, match=r"out/c\.nii\.gz exists already"):
        predicted(folder)
    assert (folder / "out/c.nii.gz").read_text() == "precious"


def test_images_are_never_replaced(folder):
    before = (folder / "in/a.nii.gz").read_bytes()
    with pytest.raises(UsageError, match="is an image to predict"):
        predicted(folder, to="in", overwrite=True)
    (folder / "out").mkdir()
    (folder / "out/a.nii.gz").symlink_to(folder / "in/a.nii.gz")
    with pytest.raises(UsageError, match="is an image to predict"):
        predicted(folder, overwrite=True)
    assert (folder / "in/a.nii.gz").read_bytes() == before


def test_a_file_goes_to_a_file_with_its_record_beside_it(folder):
    predicted(folder, source="in/a.nii.gz", to="mine.nii")
    names = {each.name for each in folder.iterdir()} - {"in"}
    assert names == {
        "mine.nii",
        "mine_probabilities.nii.gz",
        "mine_uncertainty.nii.gz",
        "mine_overlay.png",
        "mine_prediction.json",
    }
    assert predicted(folder, source="in/a.nii.gz", to="mine.nii").skipped == ("a",)


@pytest.mark.parametrize(
    ("to", "is_folder", "words"),
    [
        ("out.nii.gz", True, "is not a folder"),
        ("in/a.nii.gz", True, "is not a folder"),
        ("in", False, "cannot be a label map"),
        ("out.gif", False, "cannot be a label map"),
        ("out.jpg", False, "JPEG changes its numbers"),
    ],
)
def test_a_destination_is_of_the_sources_kind(folder, to, is_folder, words):
    with pytest.raises(UsageError, match=words):
        Destination.of(folder / to, is_folder=is_folder)


@pytest.mark.parametrize(
    ("to", "words"), [("one.png", "PNG holds one slice"), ("one.tif", "position of its voxels")]
)
def test_a_file_that_cannot_hold_a_volume_is_refused_by_the_header(folder, to, words, monkeypatch):
    monkeypatch.setattr(Predictor, "read", None)
    with pytest.raises(DatasetError, match=words):
        predicted(folder, source="in/a.nii.gz", to=to)
    assert [each.name for each in folder.iterdir()] == ["in"]


def test_memory_that_runs_out_in_reading_is_that_cases_error(folder, monkeypatch):
    def exhausted(files):
        raise MemoryError

    monkeypatch.setattr("mbnas.prediction.predictor.read_image", exhausted)
    tally = predicted(folder)
    assert list(tally.failed) == ["a", "b", "c"]
    assert "does not fit into memory" in tally.failed["a"]


@pytest.mark.parametrize(
    ("spacing_mm", "words"),
    [
        ((1.0, 1.0, 3.0), []),
        ((1.9, 0.6, 5.0), []),
        ((1.0, 2.5, 3.0), ["2.5 mm apart along the posterior-anterior axis, and about 1 mm"]),
        ((1.0, 1.0, 1.2), ["1.2 mm apart along the inferior-superior axis"]),
        ((2.0, 1.9, 1.9), ["its coarsest axis is left-right, and the model cuts across inferior"]),
    ],
)
def test_images_unlike_those_of_training_give_warnings(spacing_mm, words):
    found = image_warnings(card_of(), Geometry.canonical((40, 40, 40), spacing_mm))
    assert len(found) == len(words)
    assert all(word in concern for word, concern in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "words"),
    [
        ((48, 44, 1), (1.4, 1.4, 9.0), []),  # one axial slice: its thickness means nothing
        ((48, 1, 44), (1.4, 1.4, 3.0), ["48×1 voxels, which are too narrow"]),
        ((48, 7, 44), (1.4, 1.4, 3.0), ["48×7 voxels, which are too narrow"]),
        ((48, 8, 44), (1.4, 1.4, 3.0), []),
    ],
)
def test_single_slices_are_predicted_as_what_they_are(shape, spacing_mm, words):
    found = image_warnings(card_of(), Geometry.canonical(shape, spacing_mm))
    assert len(found) == len(words)
    assert all(word in concern for word, concern in zip(words, found, strict=True))


def test_predicting_needs_the_right_channels(folder):
    two = Predictor(
        card=card_of(channels=("T1", "T2"), normalisation=(Z_SCORE,) * 2), members=(run,)
    )
    with pytest.raises(DatasetError, match="has 1 where the model takes 2 channels: T1, T2"):
        two.read((folder / "in/a.nii.gz",))
