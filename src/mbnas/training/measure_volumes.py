"""The metrics of a trained network on volumes that it was not trained on.

Predictions are brought back to the voxel grid of each case's file and measured there in three
dimensions, in millimetres.

Shape suffixes: N slices, S side of a slice, B batch, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from mbnas.data.datasets.label_scheme import IGNORED
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.machine.heartbeat import beat
from mbnas.scoring.surface_distance import measure
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.validation import predicted_batches
from mbnas.training.packed_predictions import pack_prediction
from mbnas.training.protocol import Precision
from mbnas.training.training_record import VolumeRecord


def measure_volumes(
    network: nn.Module,
    prepared: PreparedSlices,
    data: SliceSource,
    patients: frozenset[str],
    *,
    precision: Precision,
    keep_predictions: bool,
) -> tuple[VolumeRecord, ...]:
    """Return the metrics of every volume of some patients, in the order of their slices.

    Args:
        network: Gives logits; it is left in evaluation mode.
        prepared: The slices, their references and the grids of the cases' files.
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
                    num_classes=1 + data.targets.num_labels,
                    spacing_mm=volume.spacing_mm,
                    regions=data.targets.regions,
                    ignored=IGNORED if data.targets.ignores else None,
                ),
                prediction=pack_prediction(predicted_NSS) if keep_predictions else None,
            )
        )
        beat()
    return tuple(records)


def predict_slices(
    network: nn.Module, data: SliceSource, volume: PreparedVolume, precision: Precision
) -> UInt8[np.ndarray, "slice side side"]:
    """Return the labels that a network gives the slices of one volume."""
    slices = np.arange(volume.slices.start, volume.slices.stop)
    batches = predicted_batches(network, data, slices, precision)
    return np.concatenate([batch.to(torch.uint8).cpu().numpy() for batch, _ in batches])
