"""A study of regions with ignored voxels, from its search to its exports and to nnU-Net."""

import csv
import io
import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_label
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.nnunet.raw_dataset import write_raw

LABELS = {"background": 0, "gland": [1, 2], "central": 2, "ignore": 3}


@pytest.fixture(scope="module")
def sparse(dataset, tmp_path_factory):
    """The phantom with regions: every second slice is ignored, and the left border of others."""
    root = tmp_path_factory.mktemp("sparse") / "prostate"
    shutil.copytree(dataset, root)
    facts = json.loads((root / "dataset.json").read_text())
    facts |= {"labels": LABELS, "regions_class_order": [1, 2]}
    (root / "dataset.json").write_text(json.dumps(facts))
    for path in sorted((root / "labelsTr").glob("*.nii.gz")):
        image = nib.load(path)
        labels = np.asarray(image.dataobj).copy()
        axis = int(np.argmin(labels.shape))
        slices = np.moveaxis(labels, axis, 0)
        slices[::2] = 3
        slices[:, :3] = 3
        nib.save(nib.Nifti1Image(labels, image.affine, image.header), path)
    return root


@pytest.fixture(scope="module")
def study(sparse, options, tmp_path_factory):
    """A search on it with a model."""
    place = tmp_path_factory.mktemp("sparse study") / "study"
    few = [*options, "--evaluations", "5", "--set", "run.executor=inline"]
    few += ["--set", "training.loss=dice+cross-entropy"]
    few += ["--set", "training.head_bias=class-frequencies"]
    assert main(["search", str(sparse), str(place), *few]) == 0
    assert main(["train", str(place), "--epochs", "8"]) == 0
    return place


def output(capsys, *arguments):
    capsys.readouterr()
    assert main([str(each) for each in arguments]) == 0
    return capsys.readouterr().out


def test_a_check_accepts_it(sparse, capsys):
    told = json.loads(output(capsys, "check", sparse, "--set", "protocol.folds=2", "--json"))
    assert told["sound"]
    assert [(each["name"], each["labels"]) for each in told["dataset"]["classes"]] == [
        ("gland", [1, 2]),
        ("central", [2]),
    ]
    assert told["dataset"]["ignored_voxels"] > 0
    shown = output(capsys, "check", sparse, "--set", "protocol.folds=2")
    assert "ignored" in shown
    assert "region" in shown


def test_a_search_scores_regions_on_labelled_slices_alone(study, capsys):
    told = json.loads(output(capsys, "status", study, "--json"))
    assert told["best"]["score"] > 0.1
    (folder,) = (study / "slices").iterdir()
    prepared = PreparedSlices.open(folder)
    assert all(len(volume.unlabelled) >= volume.num_slices // 2 for volume in prepared.volumes)
    page = study / "report.html"
    assert page.exists()
    assert "central" in page.read_text()


def test_it_is_explained(study, capsys):
    told = json.loads(output(capsys, "explain", study, "--json"))
    assert told["networks"] == 5
    assert told["choices"]
    assert "What each choice gives, in Dice" in output(capsys, "explain", study)


def test_it_predicts_and_is_evaluated_without_ignored_voxels(study, sparse, tmp_path, capsys):
    images, labels = sparse / "imagesTr", tmp_path / "labels"
    extra = ["--probabilities", "--uncertainty", "--overlay", "--keep-largest"]
    output(capsys, "predict", study, images, labels, "--device", "cpu", *extra)
    for case in read_dataset(sparse).cases:
        found, _ = read_label(labels / f"{case.name}.nii.gz")
        assert set(np.unique(found)) <= {0, 1, 2}
        probabilities = nib.load(labels / f"{case.name}_probabilities.nii.gz")
        assert probabilities.shape[3] == 2
    command = ["evaluate", labels, sparse / "labelsTr", "--dataset", sparse, "--workers", "1"]
    rows = list(csv.DictReader(io.StringIO(output(capsys, *command, "--csv"))))
    assert {row["class"] for row in rows} == {"gland", "central"}
    for row in rows:
        found, _ = read_label(labels / f"{row['case']}.nii.gz")
        reference, _ = read_label(sparse / f"labelsTr/{row['case']}.nii.gz")
        region = [1, 2] if row["class"] == "gland" else [2]
        one, other = (np.isin(each, region) & (reference != 3) for each in (found, reference))
        assert float(row["dice"]) == pytest.approx(
            2 * (one & other).sum() / (one.sum() + other.sum())
        )
    for path in labels.glob("*.nii.gz"):  # whatever is predicted under ignored voxels
        if path.name.count("_") == 1:
            image = nib.load(path)
            reference = nib.load(sparse / "labelsTr" / path.name)
            changed = np.asarray(image.dataobj).copy()
            changed[np.asarray(reference.dataobj) == 3] = 1
            nib.save(nib.Nifti1Image(changed, image.affine, image.header), path)
    assert list(csv.DictReader(io.StringIO(output(capsys, *command, "--csv")))) == rows


@pytest.mark.slow
def test_its_exports_predict_the_same_label_maps(study, sparse, tmp_path, capsys):
    image = next((sparse / "imagesTr").glob("*.nii.gz"))
    output(capsys, "predict", study, image, tmp_path / "labels.nii.gz", "--device", "cpu")
    expected = np.asarray(nib.load(tmp_path / "labels.nii.gz").dataobj)
    assert set(np.unique(expected)) >= {0, 1}
    for kind in ("onnx", "torch", "monai"):
        output(capsys, "export", study, "--to", kind, tmp_path / kind)
    options = ["--device", "cpu"]
    output(capsys, "predict", "--onnx", tmp_path / "onnx", image, tmp_path / "onnx.nii.gz")
    output(capsys, "predict", tmp_path / "torch", image, tmp_path / "torch.nii.gz", *options)
    for kind in ("onnx", "torch"):
        found = np.asarray(nib.load(tmp_path / f"{kind}.nii.gz").dataobj)
        assert (found != expected).mean() < 1e-3
    inference = json.loads((tmp_path / "monai/configs/inference.json").read_text())
    segmenter = inference["segmenter"]
    assert (segmenter["label_values"], segmenter["regions"]) == ([0, 1, 2], [1, 2])
    command = [sys.executable, "-m", "monai.bundle", "run"]
    command += ["--config_file", "configs/inference.json", "--image", str(image)]
    ran = subprocess.run(
        [*command, "--output_dir", str(tmp_path / "by_monai")],
        cwd=tmp_path / "monai",
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    found = np.asarray(nib.load(tmp_path / "by_monai" / image.name).dataobj)
    assert (found != expected).mean() < 1e-3


@pytest.fixture
def raw(study, sparse, tmp_path):
    """The study's volumes in nnU-Net's layout."""
    (folder,) = (study / "slices").iterdir()
    write_raw(read_dataset(sparse), PreparedSlices.open(folder), tmp_path / "raw")
    return tmp_path / "raw"


def test_nnunet_gets_the_regions_and_the_ignored_voxels_back(raw, sparse):
    facts = json.loads((raw / "dataset.json").read_text())
    assert facts["labels"] == LABELS
    assert facts["regions_class_order"] == [1, 2]
    for path in (raw / "labelsTr").iterdir():
        found, expected = (read_label(each) for each in (path, sparse / "labelsTr" / path.name))
        assert np.array_equal(found[0], expected[0])


def test_nnunet_s_own_check_of_integrity_accepts_what_is_exported(raw):
    integrity = pytest.importorskip("nnunetv2.experiment_planning.verify_dataset_integrity")
    integrity.verify_dataset_integrity(str(raw), 1)


@pytest.mark.slow
def test_nnunet_trains_on_it_and_is_measured_alike(study, tmp_path, capsys):
    pytest.importorskip("nnunetv2")
    command = ["nnunet", study, tmp_path / "nnunet", "--epochs", "1", "--folds", "0"]
    command += ["--iterations-per-epoch", "1", "--device", "cpu", "--processes", "1", "--json"]
    told = json.loads(output(capsys, *command))
    assert [each["name"] for each in told["networks"]] == ["Best found", "nnU-Net 2D"]
    assert all(each["error"] is None for each in told["networks"])
    names = {row["class"] for each in told["networks"] for row in each["measures"]}
    assert {"gland", "central"} <= names


@pytest.mark.slow
def test_its_comparison_shows_regions_and_ignored_pixels(study, tmp_path, capsys):
    compared = shutil.copytree(study, tmp_path / "study", symlinks=True)
    networks = ["--network", "best", "--network", "unet-genotype"]
    told = json.loads(
        output(capsys, "compare", compared, "--initialisations", "1", *networks, "--json")
    )
    names = {row["class"] for each in told["networks"] for row in each["measures"]}
    assert names == {None, "gland", "central"}
    page = (compared / "report.html").read_text()
    assert "Ignored pixels are grey" in page
    assert 'class="ignored"' in page
    output(capsys, "figures", compared, "--format", "svg")
    drawn = (compared / "figures/segmentations.svg").read_text()
    assert 'id="ignored' in drawn
    for name in ("gland", "central"):
        assert f">{name}<" in drawn
