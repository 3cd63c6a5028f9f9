"""Plans such as nnU-Net makes, without nnU-Net having run."""

import json

import pytest

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
