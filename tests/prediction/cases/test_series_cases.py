"""DICOM series as cases: found in a tree, predicted as other images, nothing of a patient."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.data.images.formats.dicom.dicom_series_file import open_dicom
from mbnas.data.images.formats.dicom.reference_masks import reference_labels, segment_names
from mbnas.data.images.read import read_label
from mbnas.data.images.write import write_image
from mbnas.errors import UsageError
from mbnas.prediction.cases.input_cases import find_cases
from mbnas.prediction.cases.prediction_options import Destination, PredictionOptions
from mbnas.prediction.predictor import Predictor

pytest.importorskip("SimpleITK")

from ...dicom_examples import LPS, PATIENT, save, series_datasets, write_series
from ..conftest import card_of, write_model
from .test_predict_cases import ALL, predicted

RAS = np.diag([-1.0, -1.0, 1.0, 1.0]) @ LPS
SHAPE = (20, 24, 6)


def some_voxels(seed=0):
    voxels = np.random.default_rng(seed).integers(-90, 900, SHAPE).astype(np.int16)
    voxels[5:9, 5:9, 2:4] = 3000  # of the second class
    return voxels


@pytest.fixture
def tree(tmp_path):
    """Two series and a structure set in folders."""
    for number, folder in enumerate(("a/CT", "b")):
        write_series(tmp_path / f"in/{folder}", some_voxels(number), seed=str(number))
    plans = series_datasets(some_voxels(), seed="plan")[:1]
    plans[0].Modality = "RTPLAN"
    save(tmp_path / "in/plans", plans)
    return tmp_path


def test_the_same_volume_in_every_format_gives_the_same_label_map(tmp_path):
    """Voxel for voxel, on the grid of the image and in the form of the image."""
    voxels = some_voxels()
    write_series(tmp_path / "in/dicom", voxels)
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        folder = tmp_path / f"in{suffix}"
        folder.mkdir()
        write_image(folder / f"case{suffix}", voxels[None], RAS)
        predicted(tmp_path, PredictionOptions(), source=f"in{suffix}", to=f"out_{suffix[1:4]}")
    predicted(tmp_path, PredictionOptions(), source="in/dicom", to="out")
    labels_XYZ, geometry = read_label(tmp_path / "out/dicom.nii.gz")
    assert set(np.unique(labels_XYZ)) == {0, 1, 5}
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        other_XYZ, other = read_label(tmp_path / f"out_{suffix[1:4]}/case{suffix}")
        assert np.array_equal(other_XYZ, labels_XYZ)
        assert other.has_voxels_of(geometry)
        assert other.orientation == geometry.orientation


def test_the_series_of_a_tree_are_cases(tree):
    found = find_cases(tree / "in", 1)
    assert [case.name for case in found.cases] == ["a_CT", "b"]
    assert all(case.is_series and len(case.images) == 6 for case in found.cases)
    assert "is no image but RTPLAN" in found.passed_over[0].reason
    tally = predicted(tree, ALL)
    assert tally.predicted == ("a_CT", "b")
    assert predicted(tree, ALL).skipped == ("a_CT", "b")
    record = json.loads((tree / "out/prediction.json").read_text())
    entry = record["cases"]["a_CT"]["images"]
    assert [each["file"] for each in entry] == ["CT"]
    assert entry[0]["files"] == 6
    next((tree / "in/b").iterdir()).touch()
    assert predicted(tree, ALL).predicted == ("b",)


def test_a_broken_series_stops_no_other(tree):
    (tree / "in/a/CT/IM7919.dcm").unlink()  # the second slice
    tally = predicted(tree, PredictionOptions(), workers=2)
    assert tally.predicted == ("b",)
    assert "lacks slices between" in tally.failed["a_CT"]


def test_segmentations_are_written_for_the_archive(tree):
    predicted(tree, PredictionOptions(), to="nifti")
    tally = predicted(tree, PredictionOptions(dicom_seg=True, uncertainty=True))
    assert tally.predicted == ("a_CT", "b")
    names = sorted(path.name for path in (tree / "out").iterdir())
    assert names == [
        *("a_CT.dcm", "a_CT_uncertainty.nii.gz", "b.dcm", "b_uncertainty.nii.gz"),
        "prediction.json",
    ]
    series = open_dicom(tree / "in/b")
    assert segment_names(tree / "out/b.dcm") == ("anterior", "posterior")
    labels_IJK = reference_labels(tree / "out/b.dcm", series, ("anterior", "posterior"))
    written = np.asarray(nib.load(tree / "nifti/b.nii.gz").dataobj)
    assert np.array_equal(np.array([0, 1, 5])[labels_IJK], written)


def test_segmentations_need_dicom(tmp_path):
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in/case.nii", some_voxels()[None], RAS)
    with pytest.raises(UsageError, match="is not DICOM, and --dicom-seg"):
        predicted(tmp_path, PredictionOptions(dicom_seg=True))
    with pytest.raises(UsageError, match=r"is named \.dcm"):
        Destination.of(tmp_path / "out.nii", is_folder=False, dicom_seg=True)


def test_label_maps_are_not_written_as_two_files(tmp_path):
    with pytest.raises(UsageError, match=r"as two files: name it \.mha"):
        Destination.of(tmp_path / "out.mhd", is_folder=False)


def contents(folder):
    """Yield the bytes of all files, uncompressed."""
    for path in Path(folder).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield path, gzip.decompress(content) if path.suffix == ".gz" else content


@pytest.mark.parametrize("is_broken", [False, True])
def test_nothing_of_the_patient_leaves_the_series(tree, capsys, is_broken):
    write_model(tree / "model", card_of())
    if is_broken:
        for path in (tree / "in/b").iterdir():
            path.write_bytes(path.read_bytes()[:-500])
    options = ["--probabilities", "--uncertainty", "--overlay"]
    arguments = ["predict", str(tree / "model"), str(tree / "in"), str(tree / "out"), *options]
    assert main(arguments) == int(is_broken)
    captured = capsys.readouterr()
    assert "predicted" in captured.out
    texts = [content for _, content in contents(tree / "out")]
    assert len(texts) == 1 + 4 * (1 if is_broken else 2)
    for said in PATIENT:
        assert said not in captured.out + captured.err
        assert not any(said.encode() in content for content in texts)


def test_a_predictor_takes_the_folder_of_a_series(tree):
    write_model(tree / "model", card_of())
    predictor = Predictor.load(tree / "model", device="cpu")
    labels_XYZ = predictor.predict_file(tree / "in/b", tree / "b.nrrd")
    assert np.array_equal(read_label(tree / "b.nrrd")[0], labels_XYZ)
