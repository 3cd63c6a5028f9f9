"""Plans such as nnU-Net makes without nnU-Net having run, and small datasets."""

import json

import numpy as np
import pytest

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.write import write_image
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices

AFFINE = np.array([[-1.0, 0, 0, 9], [0, 0, 3, -4], [0, 1, 0, 2], [0, 0, 0, 1]])

OWN = {
    "dataset_name": "Dataset004_Hippocampus",
    "plans_name": "nnUNetPlans",
    "configurations": {
        "2d": {
            "data_identifier": "nnUNetPlans_2d",
            "batch_size": 29,
            "patch_size": [56, 40],
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet."
                "PlainConvUNet",
                "arch_kwargs": {
                    "n_stages": 4,
                    "features_per_stage": [32, 64, 128, 256],
                    "conv_op": "torch.nn.modules.conv.Conv2d",
                    "kernel_sizes": [[3, 3]] * 4,
                    "strides": [[1, 1], [2, 2], [2, 2], [2, 2]],
                    "n_conv_per_stage": [2] * 4,
                    "n_conv_per_stage_decoder": [2] * 3,
                    "conv_bias": True,
                    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
                    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                    "dropout_op": None,
                    "dropout_op_kwargs": None,
                    "nonlin": "torch.nn.LeakyReLU",
                    "nonlin_kwargs": {"inplace": True},
                },
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            },
        },
        "3d_fullres": {"data_identifier": "nnUNetPlans_3d_fullres"},
    },
}


@pytest.fixture
def own_plans():
    return json.loads(json.dumps(OWN))


@pytest.fixture
def planned(tmp_path, own_plans):
    """A dataset's folder of preprocessed data, as far as plans go."""
    folder = tmp_path / "preprocessed" / "Dataset004_Hippocampus"
    folder.mkdir(parents=True)
    (folder / "nnUNetPlans.json").write_text(json.dumps(own_plans))
    return folder


@pytest.fixture
def prepared_from():
    """Return a dataset and its prepared slices, with patients held out if asked."""

    def prepare(root, directory, *, held_out=frozenset()):
        dataset = read_dataset(root)
        patients = {case.name: case.name for case in dataset.cases}
        settings = PreparationSettings(slice_size=16)
        folder = prepare_slices(dataset, settings, directory, patients=patients, held_out=held_out)
        return dataset, PreparedSlices.open(folder)

    return prepare


@pytest.fixture
def small(tmp_path, prepared_from):
    """Four cases of two channels each, in one 4D file with turned axes, the last held out."""
    root, rng = tmp_path / "small", np.random.default_rng(0)
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    names = [f"case_{letter}" for letter in "abcd"]
    for number, name in enumerate(names):
        labels = np.zeros((1, 8, 9, 4 + number), np.uint8)
        labels[0, 2:5, 3:7, 1:3] = 2  # values that are not consecutive
        labels[0, 5:7, 3:5, 2] = 7
        image = rng.normal(size=(2, *labels.shape[1:])).astype(np.float32)
        write_image(root / f"imagesTr/{name}.nii.gz", image, AFFINE)
        write_image(root / f"labelsTr/{name}.nii.gz", labels, AFFINE)
    facts = {
        "name": "Small set",
        "modality": {"0": "T2", "1": "ADC"},
        "labels": {"0": "background", "2": "front", "7": "ignore"},
        "training": [
            {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
            for name in names
        ],
    }
    (root / "dataset.json").write_text(json.dumps(facts))
    return prepared_from(root, tmp_path / "slices", held_out=frozenset({"case_d"}))
