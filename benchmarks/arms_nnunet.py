"""Two arms of nnU-Net 2.8: its trainer, data loader and augmentation on a network of mbnas.

The slices are written as nnU-Net keeps preprocessed volumes, in blosc2 files, and its loader
reads them from there. Optimiser, loss and precision are its trainer's; deep supervision is
off, so that the network is the same in every arm. One arm applies the same transforms as mbnas,
the other nnU-Net's own, from larger patches.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.variants.network_architecture.nnUNetTrainerNoDeepSupervision import (  # noqa: E501
    nnUNetTrainerNoDeepSupervision,
)
from transforms_matched import of_nnunet
from workload import Arm, Case

from mbnas.nnunet.network import CLASS_NAME

DATASET, SLICES_PER_VOLUME = "Dataset001_Noise", 16


@contextmanager
def nnunet(case: Case) -> Iterator[Arm]:
    """Yield steps of nnU-Net's trainer with the transforms of mbnas."""
    settings, side = case.protocol.augmentation, case.side
    flip_dim = case.data.flip_dims(settings.flip_axes).index(True)

    class Matched(nnUNetTrainerNoDeepSupervision):
        """nnU-Net's trainer, with another augmentation of patches as large as the slices."""

        def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> Any:  # noqa: N802
            return (0.0, 0.0), False, (side, side), (flip_dim,)

        @staticmethod
        def get_training_transforms(*_: object, **__: object) -> Any:
            return of_nnunet(settings, side, flip_dim)

    with _training(case, Matched) as arm:
        yield arm


@contextmanager
def nnunet_own_augmentation(case: Case) -> Iterator[Arm]:
    """Yield steps of nnU-Net's trainer as it is."""
    with _training(case, nnUNetTrainerNoDeepSupervision) as arm:
        yield arm


@contextmanager
def _training(case: Case, trainer_class: type[nnUNetTrainerNoDeepSupervision]) -> Iterator[Arm]:
    with TemporaryDirectory() as folder:
        trainer = _started(case, trainer_class, Path(folder))

        def run() -> None:
            trainer.network.train()
            with torch.backends.cudnn.flags(benchmark=True, deterministic=False):  # as it sets them
                for _ in range(case.steps):
                    trainer.train_step(next(trainer.dataloader_train))

        yield run
        if case.workers:
            trainer.dataloader_train._finish()
            trainer.dataloader_val._finish()


def _started(
    case: Case, trainer_class: type[nnUNetTrainerNoDeepSupervision], folder: Path
) -> nnUNetTrainerNoDeepSupervision:
    """Return a trainer with its network and loaders, over slices written to a folder."""
    settings = {f"nnUNet_{each}": str(folder / each) for each in ("preprocessed", "results")}
    settings["nnUNet_n_proc_DA"] = str(case.workers)
    with patch.dict(os.environ, settings), redirect_stdout(StringIO()):  # it prints every setting
        _write_dataset(case, folder / "preprocessed" / DATASET)
        trainer = trainer_class(_plans(case), "2d", "all", _dataset(case), case.device)
        trainer.initialize()
        trainer.dataloader_train, trainer.dataloader_val = trainer.get_dataloaders()
    return trainer


def _plans(case: Case) -> dict[str, Any]:
    """Return plans of a 2D configuration that trains the case's network."""
    channels = case.data.in_channels
    return {
        "continue_training": False,
        "dataset_name": DATASET,
        "plans_name": "nnUNetPlans",
        "label_manager": "LabelManager",
        "configurations": {
            "2d": {
                "data_identifier": "nnUNetPlans_2d",
                "batch_size": case.protocol.training.batch_size,
                "patch_size": [case.side, case.side],
                "batch_dice": True,
                "normalization_schemes": ["ZScoreNormalization"] * channels,
                "use_mask_for_norm": [False] * channels,
                "architecture": {
                    "network_class_name": CLASS_NAME,
                    "arch_kwargs": {
                        "genotype": str(case.genotype),
                        "base_channels": case.protocol.training.base_channels,
                        "strides": [[1, 1], [2, 2]],
                    },
                    "_kw_requires_import": [],
                },
            }
        },
    }


def _dataset(case: Case) -> dict[str, Any]:
    classes = {"background": 0} | {f"class {k}": k for k in range(1, case.data.num_classes)}
    channels = {str(channel): "MRI" for channel in range(case.data.in_channels)}
    return {"channel_names": channels, "labels": classes, "file_ending": ".nii.gz"}


def _write_dataset(case: Case, folder: Path) -> None:
    """Write the slices as volumes that nnU-Net has preprocessed."""
    images_NCHW, labels_NHW = case.data.images_NCHW.cpu(), case.data.labels_NHW.cpu()
    volumes = folder / "nnUNetPlans_2d"
    volumes.mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps(_dataset(case)), encoding="utf-8")
    for start in range(0, len(labels_NHW), SLICES_PER_VOLUME):
        part = slice(start, start + SLICES_PER_VOLUME)
        images = np.ascontiguousarray(images_NCHW[part].numpy().swapaxes(0, 1))
        labels = labels_NHW[part].numpy()[None].astype(np.int8)
        foreground = list(range(1, case.data.num_classes))
        locations = DefaultPreprocessor._sample_foreground_locations(labels, foreground)
        layouts = [
            comp_blosc2_params(each.shape, (case.side, case.side), each.itemsize)
            for each in (images, labels)
        ]
        nnUNetDatasetBlosc2.save_case(
            images,
            labels,
            {"class_locations": locations},
            str(volumes / f"case_{start:04d}"),
            blocks=layouts[0][0],
            chunks=layouts[0][1],
            blocks_seg=layouts[1][0],
            chunks_seg=layouts[1][1],
        )
