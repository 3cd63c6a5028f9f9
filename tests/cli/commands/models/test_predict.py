"""``mbnas predict`` and ``mbnas evaluate``."""

import csv
import io
import json
import os

import nibabel as nib
import numpy as np
import pytest

from mbnas.cli.main import main

from ....prediction.conftest import card_of, write_model

IMAGES = ("case_1", "case_2")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A study with one model, and two images."""
    folder = tmp_path_factory.mktemp("predict")
    write_model(folder / "study/weights/best", card_of())
    (folder / "images").mkdir()
    for number, name in enumerate(IMAGES):
        voxels = np.random.default_rng(number).normal(100, 30, (20, 24, 6)).astype(np.float32)
        image = nib.Nifti1Image(voxels, np.diag([1.0, -1.0, 3.0, 1.0]))
        nib.save(image, folder / f"images/{name}.nii.gz")
    return folder


@pytest.fixture
def run(places, capsys, monkeypatch):
    """Run a command in the places; returns its status, standard output and standard error."""
    monkeypatch.chdir(places)

    def command(*arguments):
        capsys.readouterr()
        status = main(list(arguments))
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return command


def test_a_folder_is_predicted_and_scored(run, places):
    status, out, err = run("predict", "study", "images", "labels", "--tta", "--overlay")
    assert (status, err) == (0, "")
    assert out == "2 predicted: labels\nResearch software, not a medical device.\n"
    assert run("predict", "study", "images", "labels", "--tta", "--overlay")[1].startswith(
        "2 predicted, 2 of them earlier"
    )
    names = {each.name for each in (places / "labels").iterdir()}
    assert names == {"prediction.json"} | {
        f"{each}{end}" for each in IMAGES for end in (".nii.gz", "_overlay.png")
    }
    evaluate = ("evaluate", "labels", "labels", "--workers", "1")
    status, out, _ = run(*evaluate, "--markdown", "table.md")
    assert status == 0
    assert "2 cases" in out
    assert "1.000" in out
    status, out, _ = run(*evaluate, "--csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["case"] for row in rows] == ["case_1", "case_1", "case_2", "case_2"]
    assert {row["dice"] for row in rows} == {"1.0"}
    assert "| Class | DSC |" in (places / "table.md").read_text()


@pytest.mark.parametrize(
    ("place", "told"),
    [("nowhere/table.md", "its folder does not exist"), ("images", "it is a folder")],
)
def test_a_table_that_cannot_be_written_is_refused_before_cases_are_measured(run, place, told):
    status, out, err = run("evaluate", "images", "images", "--markdown", place)
    assert (status, out) == (1, "")
    assert f"{place} cannot be written: {told}" in err


def test_one_file_predicted_by_the_members_of_one_fold(run, places):
    one = ("predict", "study", "images/case_1.nii.gz")
    for fold in "01":
        assert run(*one, f"fold{fold}.nii.gz", "--fold", fold)[0] == 0
    zero, other = (np.asarray(nib.load(places / f"fold{fold}.nii.gz").dataobj) for fold in "01")
    assert not np.array_equal(zero, other)
    status, _, err = run(*one, "fold2.nii.gz", "--fold", "2")
    assert (status, err) == (1, "mbnas: The model has no member for fold 2: there are 0, 1.\n")


def test_missing_predictions_are_named(run, places):
    run("predict", "study", "images/case_1.nii.gz", "few/case_1.nii.gz")
    run("predict", "study", "images", "all")
    command = ("evaluate", "few", "all", "--workers", "1")
    status, out, err = run(*command)
    assert status == 1
    assert "1 of 2 references have no prediction, such as case_2" in err
    assert "1 reference without a prediction, in no mean: case_2." in " ".join(out.split())
    status, _, err = run(*command, "--allow-missing")
    assert (status, err) == (0, "")


def test_a_case_on_another_grid_is_named_and_the_others_are_scored(run, places):
    labels = np.zeros((6, 6, 4), np.uint8)
    labels[2:4, 2:4, 1:3] = 1
    for folder in ("truth", "mixed_up"):
        (places / folder).mkdir()
        for name in "ab":
            shift = 1 if (folder, name) == ("mixed_up", "b") else 0
            affine = np.array([[1.0, 0, 0, shift], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
            nib.save(nib.Nifti1Image(labels, affine), places / folder / f"{name}.nii.gz")
    (places / "truth/c.mnc").write_text("")
    status, out, err = run("evaluate", "mixed_up", "truth", "--workers", "1", "--json")
    assert status == 1
    found = json.loads(out)
    assert (found["cases"], [each["case"] for each in found["failed"]]) == (["a"], ["b"])
    assert [each["file"] for each in found["passed_over"]] == ["truth/c.mnc"]
    assert "mbnas: b could not be measured: mixed_up/b.nii.gz is not on the grid of" in err
    assert "corners up to 1 mm or 1 voxels apart, where 0.1 voxels are allowed" in err
    status, out, _ = run("evaluate", "mixed_up", "truth", "--workers", "1")
    text = " ".join(out.split())
    assert (status, "1.000" in text) == (1, True)
    assert "1 case that could not be measured, in no mean: b." in text


def test_the_memory_limit_of_an_image_can_be_set(run):
    one = ("predict", "study", "images/case_1.nii.gz", "tight.nii.gz", "--max-volume-gib")
    status, _, err = run(*one, "0.00001")
    assert status == 1
    assert "images/case_1.nii.gz has shape (20, 24, 6). Reading it takes" in err
    assert "the limit of --max-volume-gib or MBNAS_MAX_VOLUME_GIB" in err
    assert "MBNAS_MAX_VOLUME_GIB" not in os.environ
    assert run(*one, "1")[0] == 0
    status, _, err = run(*one, "none")
    assert (status, "--max-volume-gib (=none) must be a number of GiB" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["predict", "study", "images", "x", "--workers", "0"], 2, "--workers (=0) must be 1"),
        (["predict", "study", "images", "x.nii.gz"], 2, "predictions of a folder go to a folder"),
        (["predict", "study", "images", "x", "--onnx"], 1, "export study --to onnx"),
        (["predict", "study", "images", "x", "--model", "unet"], 1, "there is best"),
        (["predict", "study", "images", "x", "--device", "gpu9"], 2, "is not a device"),
        (["predict", "study", "study", "x"], 1, "holds no images"),
        (["predict", "study", "absent", "x"], 1, "absent does not exist. Give an image"),
        (["predict", "images", "images", "x"], 1, "holds no trained model"),
        (["predict", "study", "images", "images"], 2, "is an image to predict"),
        (["evaluate", "images", "images", "--workers", "1"], 1, "it looks like an image"),
        (["evaluate", "images", "images", "--workers", "0"], 2, "--workers (=0) must be 1"),
        (["evaluate", "images", "absent"], 1, "does not exist"),
        (["evaluate", "images", "images", "--dataset", "study"], 1, "has no dataset.json"),
    ],
)
def test_invalid_options_are_one_sentence_and_leave_nothing(run, places, arguments, status, words):
    found = run(*arguments)
    assert (found[0], found[1]) == (status, "")
    assert words in found[2]
    assert found[2].count("\n") == 1
    assert not (places / "x").exists()


def test_an_interrupted_folder_says_how_to_resume(run, places, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mbnas.prediction.cases.predict_cases.write_label", stopped)
        status, out, err = run("predict", "study", "images", "stopped")
    assert (status, out, err) == (
        130,
        "",
        "mbnas: Stopped. Run the same command again to resume.\n",
    )
    assert {each.name for each in (places / "stopped").iterdir()} == {"prediction.json"}
    assert run("predict", "study", "images", "stopped")[0] == 0


def test_an_image_that_cannot_be_predicted_is_named(run, places):
    (places / "mixed").mkdir()
    two = np.ones((8, 8, 4, 2), np.float32)
    nib.save(nib.Nifti1Image(two, np.diag([1, 1, 9, 1])), places / "mixed/bad.nii.gz")
    nib.save(nib.Nifti1Image(two[..., 0], np.diag([1, 1, 9, 1])), places / "mixed/good.nii.gz")
    status, out, err = run("predict", "study", "mixed", "some")
    assert status == 1
    assert out.startswith("1 predicted; 1 failed: some\n")
    warning, failure = err.splitlines()
    assert warning.startswith("mbnas: warning: good: its voxels are 9 mm apart along the inferior")
    assert "bad could not be predicted: mixed/bad.nii.gz has 2 where the model takes 1" in failure


def write_dataset(folder, labels):
    """A folder with label maps as a dataset has them, of the values 0 to 2, and predictions."""
    voxels = np.random.default_rng(3).integers(0, 3, (6, 7, 4)).astype(np.uint8)
    for place in ("labelsTr", "labelsTs", "other", "predicted"):
        (folder / place).mkdir(parents=True)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / place / "case.nii.gz")
    if labels is not None:
        (folder / "dataset.json").write_text(json.dumps({"labels": labels}))


@pytest.mark.parametrize("references", ["labelsTr", "labelsTs", "labelsTr/case.nii.gz"])
def test_classes_have_the_names_of_the_dataset_of_the_references(run, tmp_path, references):
    write_dataset(tmp_path, {"0": "background", "1": "[b]vessel", "2": "nerve"})
    predictions = tmp_path / references.replace("labelsTr", "predicted").replace(
        "labelsTs", "predicted"
    )
    status, out, err = run(
        "evaluate", str(predictions), str(tmp_path / references), "--workers", "1"
    )
    assert status == 0
    assert "[b]vessel" in out
    assert "nerve" in out
    assert f"Classes are those of {tmp_path / 'dataset.json'}." in " ".join(err.split())


@pytest.mark.parametrize(
    ("place", "labels"), [("other", {"1": "vessel", "2": "nerve"}), ("labelsTr", None)]
)
def test_without_a_dataset_classes_are_numbers(run, tmp_path, place, labels):
    write_dataset(tmp_path, labels)
    command = ("evaluate", str(tmp_path / "predicted"), str(tmp_path / place), "--workers", "1")
    status, out, err = run(*command, "--json")
    assert (status, err) == (0, "")
    assert [each["name"] for each in json.loads(out)["classes"]] == ["1", "2"]


def test_a_dataset_of_the_references_that_cannot_be_read_is_not_passed_over(run, tmp_path):
    write_dataset(tmp_path, {"1": "vessel"})
    (tmp_path / "dataset.json").write_text("{")
    command = ("evaluate", str(tmp_path / "predicted"), str(tmp_path / "labelsTr"))
    status, _, err = run(*command, "--workers", "1")
    assert status == 1
    assert "is not valid JSON" in " ".join(err.split())
