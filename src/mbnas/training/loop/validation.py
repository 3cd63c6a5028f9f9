"""Predictions of a network in training, and their overlap with the references.

Shape suffixes: B batch, K outputs, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from mbnas.machine.heartbeat import beat
from mbnas.network.operations.memory_layout import channels_last
from mbnas.scoring.overlap import OverlapCounts
from mbnas.training.device.device_setup import autocast
from mbnas.training.loading.slice_source import PredictedBatch, SliceSource
from mbnas.training.loading.target_masks import target_masks, without_ignored
from mbnas.training.protocol import Precision

PREDICTED_AT_ONCE = 64
"""How many slices a network in training predicts at once."""


def predicted_batches(
    network: nn.Module,
    data: SliceSource,
    slices: Int[np.ndarray, " chosen"],
    precision: Precision,
) -> Iterator[PredictedBatch]:
    """Yield predictions of slices in their order.

    At most :data:`PREDICTED_AT_ONCE` slices or tiles of slices are predicted at once.

    Args:
        network: Gives logits; it is left in evaluation mode.
        data: The source of the slices.
        slices: Indices of the slices to predict.
        precision: In which the network computes, resolved.
    """
    network.eval()

    def logits_of(images_BCHW: Tensor) -> Tensor:
        beat()
        with torch.no_grad(), autocast(data.device.type, precision):
            logits_BKHW: Tensor = network(channels_last(images_BCHW))
        return logits_BKHW

    yield from data.predicted(logits_of, slices, at_once=PREDICTED_AT_ONCE)


def count_overlap(
    network: nn.Module,
    data: SliceSource,
    slices: Int[np.ndarray, " chosen"],
    precision: Precision,
) -> OverlapCounts:
    """Return the voxel counts of a network's predictions, by patient and class or region.

    Ignored voxels are not counted.

    Args:
        network: Gives logits; it is left in evaluation mode.
        data: The source of the slices.
        slices: Indices of the slices to predict: all labelled slices of their patients.
        precision: In which the network computes, resolved.
    """
    patients, row_of_slice = np.unique(data.patient_N[slices], return_inverse=True)
    targets, device = data.targets, data.device
    counts = torch.zeros(3, len(patients), targets.num_foreground, dtype=torch.int64, device=device)
    start = 0
    for predicted_BHW, reference_BHW in predicted_batches(network, data, slices, precision):
        rows = torch.from_numpy(row_of_slice[start : start + len(predicted_BHW)]).to(device)
        start += len(predicted_BHW)
        predicted_BHW = without_ignored(predicted_BHW, reference_BHW, targets)
        masks = zip(
            target_masks(predicted_BHW, targets), target_masks(reference_BHW, targets), strict=True
        )
        for foreground, (predicted, reference) in enumerate(masks):
            of_slice = torch.stack([predicted & reference, predicted, reference]).sum(dim=(2, 3))
            counts[:, :, foreground].index_add_(1, rows, of_slice)
    overlap, predicted_size, reference_size = counts.cpu().numpy()
    return OverlapCounts(overlap=overlap, predicted=predicted_size, reference=reference_size)
