"""A study's volumes in nnU-Net's layout: every voxel, label and affine as before."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.folds import make_folds
from mbnas.data.images.read import read_image, read_label
from mbnas.data.phantom import write_phantom
from mbnas.data.phantom.skin import write_skin_phantom
from mbnas.errors import StudyError
from mbnas.nnunet.raw_dataset import ending_in, lacks_images, splits, write_raw


@pytest.fixture
def raw(small, tmp_path):
    write_raw(*small, tmp_path / "raw")
    return tmp_path / "raw"


def test_channels_are_files_with_the_same_voxels_on_the_same_grid(small, raw):
    dataset, prepared = small
    for case, volume in zip(dataset.cases, prepared.volumes, strict=True):
        part = "Ts" if volume.held_out else "Tr"
        files = [raw / f"images{part}/{case.name}_{channel:04d}.nii.gz" for channel in (0, 1)]
        before, after = read_image(case.images), read_image(tuple(files))
        np.testing.assert_array_equal(after.voxels, before.voxels)
        assert after.geometry == before.geometry


def test_labels_are_class_indices_on_the_same_grid(small, raw):
    dataset, prepared = small
    for case, volume in zip(dataset.cases, prepared.volumes, strict=True):
        part = "Ts" if volume.held_out else "Tr"
        before, geometry = read_label(case.label)
        after, written = read_label(raw / f"labels{part}/{case.name}.nii.gz")
        np.testing.assert_array_equal(dataset.labels.in_files(after.astype(np.uint8)), before)
        assert written == geometry


def test_held_out_patients_lie_apart(raw):
    assert [path.name for path in (raw / "labelsTs").iterdir()] == ["case_d.nii.gz"]
    assert len(list((raw / "labelsTr").iterdir())) == 3
    assert len(list((raw / "imagesTr").iterdir())) == 6


def test_the_description_is_one_that_mbnas_reads_too(raw):
    facts = json.loads((raw / "dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "front": 1, "class 2": 2}  # ignore means something
    assert facts["numTraining"] == 3
    assert read_dataset(raw).channels == ("T2", "ADC")


def test_files_of_one_channel_are_linked_to(prepared_from, tmp_path):
    root = write_phantom("spleen", tmp_path / "spleen", num_patients=2)
    dataset, prepared = prepared_from(root, tmp_path / "slices")
    write_raw(dataset, prepared, tmp_path / "raw")
    images = sorted((tmp_path / "raw/imagesTr").iterdir())
    assert [path.resolve() for path in images] == [
        case.images[0].resolve() for case in dataset.cases
    ]


def test_channels_stored_in_different_orders_become_files_on_one_grid(small, tmp_path):
    dataset, prepared = small
    write_raw(dataset, prepared, tmp_path / "one")
    cases = []
    for case in dataset.cases:
        image = nib.load(case.images[0])
        voxels, parts = np.asarray(image.dataobj), []
        for channel, order in enumerate(("RAS", "SLP")):
            part = nib.Nifti1Image(voxels[..., channel], image.affine)
            own = "".join(nib.aff2axcodes(image.affine))
            turned = part.as_reoriented(nib.orientations.axcodes2ornt(order if channel else own))
            parts.append(tmp_path / f"{case.name}_{channel}.nii.gz")
            nib.save(turned if channel else part, parts[-1])
        cases.append(replace(case, images=tuple(parts)))
    write_raw(replace(dataset, cases=tuple(cases)), prepared, tmp_path / "other")
    for path in (tmp_path / "one").rglob("*.nii.gz"):
        same = tmp_path / "other" / path.relative_to(tmp_path / "one")
        assert np.array_equal(nib.load(path).get_fdata(), nib.load(same).get_fdata())
        assert np.allclose(nib.load(path).affine, nib.load(same).affine)


def test_links_to_images_that_were_moved_are_made_again(prepared_from, tmp_path):
    root = write_phantom("spleen", tmp_path / "spleen", num_patients=2)
    _, prepared = prepared_from(root, tmp_path / "slices")
    raw = tmp_path / "raw"
    assert lacks_images(raw)
    write_raw(read_dataset(root), prepared, raw)
    assert not lacks_images(raw)
    moved = root.rename(tmp_path / "moved")
    assert lacks_images(raw)
    dataset = read_dataset(moved)
    write_raw(dataset, prepared, raw)
    assert not lacks_images(raw)
    assert [path.resolve() for path in sorted((raw / "imagesTr").iterdir())] == [
        case.images[0].resolve() for case in dataset.cases
    ]


def test_a_folder_that_is_there_is_left_alone(small, raw):
    (raw / "labelsTr/case_a.nii.gz").unlink()
    write_raw(*small, raw)
    assert not (raw / "labelsTr/case_a.nii.gz").exists()


def test_a_missing_case_is_an_error_and_nothing_is_written(small, tmp_path):
    dataset, prepared = small
    fewer = type(dataset)(
        root=dataset.root,
        name=dataset.name,
        layout=dataset.layout,
        channels=dataset.channels,
        classes=dataset.classes,
        cases=dataset.cases[1:],
    )
    with pytest.raises(StudyError, match="case_a of the study is no longer in"):
        write_raw(fewer, prepared, tmp_path / "made/raw")
    assert not (tmp_path / "made").exists()


def test_splits_are_the_studys_folds(small):
    _, prepared = small
    folds = make_folds(prepared.patient_classes, 3, seed=0)
    made = splits(folds, prepared)
    assert [each["val"] for each in made] == [list(fold.validation) for fold in folds]
    assert all(sorted(each["train"] + each["val"]) == list(prepared.patients) for each in made)


def test_pictures_are_one_file_with_all_colours(prepared_from, tmp_path):
    dataset, prepared = prepared_from(
        write_skin_phantom(tmp_path / "skin", num_patients=2), tmp_path / "slices"
    )
    write_raw(dataset, prepared, tmp_path / "raw")
    assert ending_in(tmp_path / "raw") == ".png"
    for case in dataset.cases:
        written = tmp_path / f"raw/imagesTr/{case.name}_0000.png"
        np.testing.assert_array_equal(read_image((written,)).voxels, read_image(case.images).voxels)
        label = tmp_path / f"raw/labelsTr/{case.name}.png"
        np.testing.assert_array_equal(read_label(label)[0], read_label(case.label)[0])


@pytest.mark.slow
def test_nnunet_finds_nothing_wrong_with_pictures(prepared_from, tmp_path):
    integrity = pytest.importorskip("nnunetv2.experiment_planning.verify_dataset_integrity")
    dataset, prepared = prepared_from(
        write_skin_phantom(tmp_path / "skin", num_patients=2), tmp_path / "slices"
    )
    folder = tmp_path / "raw/Dataset001_Skin"
    write_raw(dataset, prepared, folder)
    integrity.verify_dataset_integrity(str(folder), 1)
