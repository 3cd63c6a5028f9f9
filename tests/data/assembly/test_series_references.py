"""DICOM series with segmentations and structure sets, written as a dataset of NIfTI files."""

import json

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from mbnas.cli.main import main
from mbnas.data.assembly.series_references import survey_series
from mbnas.data.assembly.write_series import write_series as write_dataset
from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.formats.dicom.dicom_series_file import open_dicom
from mbnas.data.images.formats.dicom.segmentation_writer import Segment, write_segmentation
from mbnas.data.images.read import read_image, read_label
from mbnas.errors import DatasetError, UsageError

from ...dicom_examples import PATIENT, save, series_datasets
from ..images.formats.dicom.test_structure_contours import square, structure_set

pytest.importorskip("highdicom")

SHAPE = (12, 11, 6)


def series_of(folder, number, patient="same", intercept="-1024"):
    voxels = np.random.default_rng(number).integers(0, 900, SHAPE).astype(np.int16)
    datasets = series_datasets(voxels, seed=f"series {number}")
    for data in datasets:
        data.PatientID = patient
        data.RescaleIntercept = intercept
    save(folder, datasets)
    return voxels


def labels_of(number):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 3:8, 1:4] = 1
    labels[7:9, 3 + number : 6 + number, 2] = 2
    return labels


def segment(path, series, labels_IJK, names):
    image = read_image((series,))
    segments = [Segment(name=name, values=(value,)) for value, name in enumerate(names, 1)]
    path.parent.mkdir(exist_ok=True)
    labels_XYZ = image.geometry.to_canonical(labels_IJK)
    write_segmentation(path, labels_XYZ, image.geometry, tuple(series.iterdir()), segments)


@pytest.fixture
def trees(tmp_path):
    """Three series of two patients; two have segmentations and one a structure set."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    for number, patient in enumerate(("one", "one", "two")):
        series_of(images / f"p{number}/CT", number, f"PID-{patient}")
    for number in range(2):
        path = masks / f"{number}.dcm"
        segment(path, images / f"p{number}/CT", labels_of(number), ("liver", "tumour"))
    structures = [("liver", [(3, square(1.5, 5.5))])]
    series = open_dicom(images / "p2/CT")
    structure_set(masks / "2.dcm", series, structures, np.asarray(series.stack.lps))
    return images, masks


def test_references_become_the_labels_of_their_series(trees, tmp_path):
    images, masks = trees
    found = survey_series(images, masks)
    assert [pair.series.name for pair in found.pairs] == ["p0_CT", "p1_CT", "p2_CT"]
    assert found.classes == ("liver", "tumour")
    assert found.channel == "CT"
    assert found.pairs[0].voxels == (60, 6)
    root = write_dataset(found, tmp_path / "out", workers=2)
    dataset = read_dataset(root)
    assert [case.name for case in dataset.cases] == ["p0_CT", "p1_CT", "p2_CT"]
    assert [label.name for label in dataset.classes] == ["liver", "tumour"]
    for number, case in enumerate(dataset.cases):
        before = read_image((images / f"p{number}/CT",))
        after = read_image(case.images)
        assert np.array_equal(after.voxels, before.voxels)
        labels_XYZ, geometry = read_label(case.label)
        assert geometry.has_voxels_of(before.geometry)
        expected = labels_of(number)
        if number == 2:
            expected = np.zeros(SHAPE, np.uint8)
            expected[2:6, 2:6, 3] = 1
        assert np.array_equal(geometry.from_canonical(labels_XYZ), expected)


def test_patients_are_numbers(trees):
    found = survey_series(*trees)
    assert found.patients == {
        "p0_CT": "patient_001", "p1_CT": "patient_001", "p2_CT": "patient_002"
    }  # fmt: skip
    found = survey_series(*trees, patient_pattern=r"(?P<patient>p\d)")
    assert set(found.patients.values()) == {"p0", "p1", "p2"}


def test_classes_can_be_chosen_and_ordered(trees):
    assert survey_series(*trees, class_names=("tumour",)).pairs[0].voxels == (6,)
    assert survey_series(*trees, class_names=("tumour", "liver")).pairs[0].voxels == (6, 60)
    with pytest.raises(UsageError, match="names spleen: name each segment once, of liver, tumour"):
        survey_series(*trees, class_names=("spleen",))


def test_a_series_may_have_several_references(trees):
    images, masks = trees
    bones = np.zeros(SHAPE, np.uint8)
    bones[0, :, 5] = 1
    segment(masks / "more.dcm", images / "p0/CT", bones, ("bone",))
    found = survey_series(images, masks)
    assert found.classes == ("liver", "tumour", "bone")
    assert found.pairs[0].voxels == (60, 6, 11)
    segment(masks / "over.dcm", images / "p0/CT", labels_of(0), ("other",))
    with pytest.raises(DatasetError, match=r"'other' that overlaps 'liver'.*--classes"):
        survey_series(images, masks)
    assert survey_series(images, masks, class_names=("other",)).pairs[0].voxels == (60,)


def test_what_has_no_partner_is_named(trees):
    images, masks = trees
    series_of(images / "alone", 7)
    stray = pydicom.dcmread(masks / "1.dcm")
    stray.ReferencedSeriesSequence[0].SeriesInstanceUID = generate_uid()
    stray.save_as(masks / "1.dcm")
    found = survey_series(images, masks)
    assert found.without_reference == ("alone", "p1_CT")
    assert [path.name for path in found.without_series] == ["1.dcm"]
    with pytest.raises(DatasetError, match="refers to one of the 4 series"):
        survey_series(images, images)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_writes_a_valid_dataset_and_nothing_of_the_patients(
    trees, tmp_path, capsys, as_json
):
    images, masks = trees
    out = tmp_path / "out"
    options = ["--json"] if as_json else []
    assert main(["dataset", str(images), str(masks), str(out), *options]) == 0
    captured = capsys.readouterr()
    assert "liver" in captured.out
    assert not [
        each for each in check_dataset(out, num_folds=2).findings if each.severity == "error"
    ]
    texts = [path.read_bytes() for path in out.rglob("*") if path.suffix in (".json", ".csv")]
    assert len(texts) == 2
    for said in (*PATIENT, "PID-one"):
        assert said not in captured.out + captured.err
        assert not any(said.encode() in text for text in texts)
    if as_json:
        assert json.loads(captured.out)["series"][0]["voxels"] == {"liver": 60, "tumour": 6}


def test_options_for_pictures_are_refused(trees, tmp_path, capsys):
    images, masks = trees
    arguments = ["dataset", str(images), str(masks), str(tmp_path / "out"), "--background", "0"]
    assert main(arguments) == 2
    assert "--background is for masks of pictures" in capsys.readouterr().err
