"""Predictions for validation slices, counted per patient.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.machine.heartbeat import beat
from mbnas.network.operations.memory_layout import channels_last
from mbnas.scoring.overlap import OverlapCounts
from mbnas.training.device.device_setup import autocast
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.protocol import Precision

BATCH = 64


@torch.no_grad()
def count_overlap(
    network: nn.Module,
    data: SliceSource,
    slices: Int[np.ndarray, " chosen"],
    precision: Precision,
) -> OverlapCounts:
    """Return the voxel counts of a network's predictions over whole volumes.

    Args:
        network: Gives logits; it is left in evaluation mode.
        data: Where the slices lie.
        slices: Indices of the slices to predict, all those of their patients.
        precision: In which the network computes, resolved.
    """
    network.eval()
    patients, row_of_slice = np.unique(data.patient_N[slices], return_inverse=True)
    num_classes, device = data.num_classes, data.device
    counts = torch.zeros(3, len(patients), num_classes - 1, dtype=torch.int64, device=device)
    starts = range(0, len(slices), BATCH)
    fetched = data.fetch(slices[start : start + BATCH] for start in starts)
    for start, (images_BCHW, reference_BHW) in zip(starts, fetched, strict=True):
        rows = torch.from_numpy(row_of_slice[start : start + BATCH]).to(device)
        with autocast(device.type, precision):
            predicted_BHW = network(channels_last(images_BCHW)).argmax(dim=1)
        for foreground in range(num_classes - 1):
            predicted = predicted_BHW == foreground + 1
            reference = reference_BHW == foreground + 1
            of_slice = torch.stack([predicted & reference, predicted, reference]).sum(dim=(2, 3))
            counts[:, :, foreground].index_add_(1, rows, of_slice)
        beat()
    overlap, predicted_size, reference_size = counts.cpu().numpy()
    return OverlapCounts(overlap=overlap, predicted=predicted_size, reference=reference_size)
