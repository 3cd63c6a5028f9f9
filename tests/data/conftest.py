"""A small valid dataset in either layout, for tests to use and to modify."""

import json
import shutil

import numpy as np
import pytest

from mbnas.data.images.write import write_image

NAMES = ("case_11", "case_12", "case_13", "case_14")
AFFINE = np.array([[-1.0, 0, 0, 9], [0, 0, 3, -4], [0, 1, 0, 2], [0, 0, 0, 1]])


def write_msd(root, channels=("MRI",), number_type=np.float32):
    """Write four cases of about 8×9×4 voxels, cut coarsely along the file's third axis."""
    rng = np.random.default_rng(0)
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate(NAMES):
        labels = np.zeros((1, 8, 9, 4 + number), np.uint8)
        labels[0, 2:5, 3:7, 1:3] = 1
        labels[0, 5:7, 3:5, 2] = 2
        noise = rng.integers(0, 20, (len(channels), *labels.shape[1:]))
        write_image(
            root / f"imagesTr/{name}.nii.gz", (noise + 50 * labels).astype(number_type), AFFINE
        )
        write_image(root / f"labelsTr/{name}.nii.gz", labels, AFFINE)
    facts = {
        "name": "Small",
        "modality": {str(number): channel for number, channel in enumerate(channels)},
        "labels": {"0": "background", "1": "front", "2": "back"},
        "training": [
            {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
            for name in NAMES
        ],
    }
    (root / "dataset.json").write_text(json.dumps(facts))
    return root


def copy_as_nnunet(msd, root):
    """Copy a single-channel MSD dataset byte by byte into nnU-Net's layout."""
    facts = json.loads((msd / "dataset.json").read_text())
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for entry in facts["training"]:
        name = entry["label"].split("/")[-1].removesuffix(".nii.gz")
        shutil.copy(msd / entry["image"], root / f"imagesTr/{name}_0000.nii.gz")
        shutil.copy(msd / entry["label"], root / f"labelsTr/{name}.nii.gz")
    copied = {
        "channel_names": facts["modality"],
        "labels": {name: int(value) for value, name in facts["labels"].items()},
        "numTraining": len(facts["training"]),
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(copied))
    return root


@pytest.fixture
def msd(tmp_path):
    """The root of a valid dataset in Decathlon layout."""
    return write_msd(tmp_path / "msd")


@pytest.fixture
def nnunet(msd, tmp_path):
    """The root of the same dataset in nnU-Net's layout."""
    return copy_as_nnunet(msd, tmp_path / "nnunet")


@pytest.fixture
def make_msd():
    """The function that writes a dataset with other channels or number types."""
    return write_msd


@pytest.fixture
def as_nnunet():
    """The function that copies an MSD dataset into nnU-Net's layout."""
    return copy_as_nnunet
