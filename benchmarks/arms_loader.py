"""Arms that feed the network slice by slice, through MONAI's or torch's DataLoader.

Both compute in float32 by default, in torch's own memory layout and with torch's own Adam, as such
loops are usually written.

Shape suffixes: C channels, H height, W width, B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import monai.data
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from transforms_matched import of_monai
from workload import Arm, Case

from mbnas.data.augmentation.parameters import draw_augmentation
from mbnas.data.augmentation.transform import apply_augmentation
from mbnas.training.device.device_setup import autocast
from mbnas.training.loop.losses import make_loss
from mbnas.training.protocol import Precision


class AugmentedSlices(Dataset[tuple[Tensor, Tensor]]):
    """Slices in memory, each augmented when it is asked for, as mbnas augments batches.

    Args:
        case: The case with the slices.
    """

    def __init__(self, case: Case) -> None:
        self._images_NCHW = case.data.images_NCHW.cpu()
        self._labels_NHW = case.data.labels_NHW.cpu()
        self._settings = case.protocol.augmentation
        self._flip_dims = case.data.flip_dims(self._settings.flip_axes)
        self._rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self._labels_NHW)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return image (C, H, W) and labels (H, W)."""
        parameters = draw_augmentation(
            self._settings,
            self._rng,
            batch=1,
            channels=self._images_NCHW.shape[1],
            flip_dims=self._flip_dims,
        )
        images_1CHW, labels_1HW = apply_augmentation(
            parameters, self._images_NCHW[index][None], self._labels_NHW[index][None]
        )
        return images_1CHW[0], labels_1HW[0]


@contextmanager
def dataloader(case: Case) -> Iterator[Arm]:
    """Yield steps over a plain DataLoader."""
    slices = AugmentedSlices(case)
    yield _steps(case, DataLoader(slices, **batches_of(case, slices)), lambda batch: batch)


@contextmanager
def dataloader_worker(case: Case) -> Iterator[Arm]:
    """Yield steps over a plain DataLoader with a loader process."""
    slices = AugmentedSlices(case)
    options = batches_of(case, slices) | {"num_workers": 1, "persistent_workers": True}
    yield _steps(case, DataLoader(slices, **options), lambda batch: batch)


@contextmanager
def monai_float32(case: Case) -> Iterator[Arm]:
    """Yield steps over MONAI's cached dataset, transforms and DataLoader."""
    yield _monai(case, "float32")


@contextmanager
def monai_bfloat16(case: Case) -> Iterator[Arm]:
    """Yield the same under bfloat16 autocast."""
    yield _monai(case, "bfloat16")


def _monai(case: Case, precision: Precision) -> Arm:
    settings = case.protocol.augmentation
    flip_dim = case.data.flip_dims(settings.flip_axes).index(True)
    items = [
        {"image": image_CHW, "label": labels_HW[None]}
        for image_CHW, labels_HW in zip(
            case.data.images_NCHW.cpu(), case.data.labels_NHW.cpu(), strict=True
        )
    ]
    slices = monai.data.CacheDataset(
        items, of_monai(settings, case.side, flip_dim), num_workers=None, progress=False
    )
    loader = monai.data.DataLoader(slices, **batches_of(case, slices))
    run = _steps(case, loader, lambda batch: (batch["image"], batch["label"][:, 0]), precision)

    def run_without_metadata() -> None:
        monai.data.set_track_meta(False)
        try:
            run()
        finally:
            monai.data.set_track_meta(True)

    return run_without_metadata


def batches_of(case: Case, slices: Any) -> dict[str, Any]:
    """Return the options of a loader that gives one call's batches."""
    batch_size = case.protocol.training.batch_size
    return {
        "batch_size": batch_size,
        "sampler": RandomSampler(slices, replacement=True, num_samples=case.steps * batch_size),
        "num_workers": case.workers,
        "persistent_workers": case.workers > 0,
        "pin_memory": case.device.type == "cuda",
    }


def _steps(
    case: Case,
    batches: Iterable[Any],
    unpacked: Callable[[Any], tuple[Tensor, Tensor] | list[Tensor]],
    precision: Precision = "float32",
) -> Arm:
    """Return a loop over batches as it is written by hand."""
    network = case.network().to(memory_format=torch.contiguous_format).train()
    loss_of = make_loss(case.protocol.training.loss, case.data.targets)
    optimiser = torch.optim.Adam(network.parameters(), lr=case.protocol.training.learning_rate)

    def run() -> None:
        for batch in batches:
            images_BCHW, labels_BHW = (
                each.to(case.device, non_blocking=True) for each in unpacked(batch)
            )
            optimiser.zero_grad()
            with autocast(case.device.type, precision):
                logits_BKHW = network(images_BCHW)
            loss = loss_of(logits_BKHW.float(), labels_BHW)
            loss.backward()
            optimiser.step()

    return run
