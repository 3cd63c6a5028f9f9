"""Has a trained network collapsed? Judged on what it learned from, never on what it is scored on.

A collapsed training may be repeated, and then one of its attempts is chosen. If validation took
part in that choice, the score of the chosen attempt would be an optimistic one.

Shape suffixes: N slices (training slices), B batch, K classes, background first, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.machine.heartbeat import beat
from mbnas.network.operations.memory_layout import channels_last
from mbnas.training.device.device_setup import autocast
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.protocol import Precision

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """The classes that a trained network does not know, as indices (0 is background), ascending.

    Attributes:
        collapsed: Classes that it predicts on none of the training slices that show them.
        absent: Classes that no training slice shows.
    """

    collapsed: tuple[int, ...]
    absent: tuple[int, ...]


@torch.no_grad()
def judge_collapse(
    network: nn.Module,
    data: SliceSource,
    training_slices: Int[np.ndarray, " training"],
    precision: Precision,
) -> Collapse:
    """Return which classes a trained network does not know.

    Slices are predicted until every class was predicted on a slice that shows it, those first that
    show the most of each class. A sound network is judged by a batch or two.

    Args:
        network: Gives logits; it is left in evaluation mode.
        data: Where the slices lie.
        training_slices: Indices of the slices that it learned from.
        precision: In which the network computes, resolved.
    """
    network.eval()
    pixels_NK = data.class_pixels(training_slices)
    is_shown_K: np.ndarray = pixels_NK.sum(axis=0) > 0
    waiting = [index for index in range(1, data.num_classes) if is_shown_K[index]]
    absent = tuple(index for index in range(1, data.num_classes) if not is_shown_K[index])
    # The place of each slice among those that show a class, by how much of it they show.
    place_NK = np.argsort(np.argsort(-pixels_NK, axis=0, kind="stable"), axis=0)
    never = len(training_slices)
    place_NK[pixels_NK == 0] = never
    while waiting:
        place_N = place_NK[:, waiting].min(axis=1)
        chosen_B = np.argsort(place_N, kind="stable")[
            : min(_BATCH, np.count_nonzero(place_N < never))
        ]
        if not len(chosen_B):
            break
        place_NK[chosen_B] = never
        ((images_BCHW, labels_BHW),) = data.fetch([training_slices[chosen_B]])
        with autocast(images_BCHW.device.type, precision):
            predicted_BHW = network(channels_last(images_BCHW)).argmax(dim=1)
        found = torch.stack(
            [
                (
                    (predicted_BHW == index).flatten(1).any(1)
                    & (labels_BHW == index).flatten(1).any(1)
                ).any()
                for index in waiting
            ]
        ).tolist()
        waiting = [index for index, is_found in zip(waiting, found, strict=True) if not is_found]
        beat()
    return Collapse(collapsed=tuple(waiting), absent=absent)
