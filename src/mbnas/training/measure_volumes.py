"""Final measures: what a trained network makes of volumes that it never learned from.

Its predictions are brought back to the voxel grid of each case's own file, and measured
there in three dimensions, in millimetres.

Shape suffixes: N slices, S side of a slice, B batch, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.machine.heartbeat import beat
from mbnas.network.operations.memory_layout import channels_last
from mbnas.scoring.surface_distance import measure
from mbnas.training.device.device_setup import autocast
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.packed_predictions import pack_prediction
from mbnas.training.protocol import Precision
from mbnas.training.training_record import VolumeRecord

BATCH = 64


def measure_volumes(
    network: nn.Module,
    prepared: PreparedSlices,
    data: SliceSource,
    patients: frozenset[str],
    *,
    precision: Precision,
    keep_predictions: bool,
) -> tuple[VolumeRecord, ...]:
    """Return what a network made of every volume of some patients, in the slices' order.

    Args:
        network: Gives logits; it is left in evaluation mode.
        prepared: The slices, their references, and the way back to the cases' files.
        data: The same slices on the network's device.
        patients: Whose volumes to predict.
        precision: In which the network computes, resolved.
        keep_predictions: Whether records hold the predicted slices.

    Raises:
        StudyError: if a reference is absent or damaged.
    """
    records = []
    for number, volume in enumerate(prepared.volumes):
        if volume.patient not in patients:
            continue
        predicted_NSS = predict_slices(network, data, volume, precision)
        records.append(
            VolumeRecord(
                case=volume.case,
                patient=volume.patient,
                held_out=volume.held_out,
                measures=measure(
                    volume.plane.undo(predicted_NSS),
                    prepared.reference(number),
                    num_classes=data.num_classes,
                    spacing_mm=volume.spacing_mm,
                ),
                prediction=pack_prediction(predicted_NSS) if keep_predictions else None,
            )
        )
        beat()
    return tuple(records)


@torch.no_grad()
def predict_slices(
    network: nn.Module, data: SliceSource, volume: PreparedVolume, precision: Precision
) -> UInt8[np.ndarray, "slice side side"]:
    """Return the class indices that a network gives the slices of one volume."""
    network.eval()
    slices = np.arange(volume.slices.start, volume.slices.stop)
    starts = range(0, len(slices), BATCH)
    parts = []
    for images_BCHW, _ in data.fetch(slices[start : start + BATCH] for start in starts):
        with autocast(data.device.type, precision):
            logits = network(channels_last(images_BCHW))
        parts.append(logits.argmax(dim=1).to(torch.uint8).cpu().numpy())
        beat()
    return np.concatenate(parts)
