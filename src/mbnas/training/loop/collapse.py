"""Whether a trained network has collapsed, judged on training slices, never on validation slices.

A collapsed training may be repeated, and then one of its attempts is chosen. If validation
influenced that choice, the score of the chosen attempt would be optimistic.

Shape suffixes: N slices (training slices), B batch, K classes or regions, background first,
H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loading.target_masks import target_masks, without_ignored
from mbnas.training.loop.validation import PREDICTED_AT_ONCE, predicted_batches
from mbnas.training.protocol import Precision

FOUND = 0.01
"""The share of a class's pixels in training slices from which on it counts as learned.

A network that has lost a class often still gives it to a few pixels.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """The classes or regions that a trained network did not learn: ascending, from 1.

    Attributes:
        collapsed: Classes of whose pixels in training slices it finds less than :data:`FOUND`.
        absent: Classes that no training slice shows.
    """

    collapsed: tuple[int, ...]
    absent: tuple[int, ...]


def judge_collapse(
    network: nn.Module,
    data: SliceSource,
    training_slices: Int[np.ndarray, " training"],
    precision: Precision,
) -> Collapse:
    """Return which classes a trained network did not learn.

    Slices are predicted until :data:`FOUND` of the pixels of every class have been found. The
    slices that show most of a class come first, so a sound network is judged by a batch or two.

    Args:
        network: Gives logits; it is left in evaluation mode.
        data: The source of the slices.
        training_slices: Indices of the slices that it was trained on.
        precision: In which the network computes, resolved.
    """
    targets = data.targets
    pixels_NK = targets.of_labels(data.label_pixels(training_slices))
    is_shown_K: np.ndarray = pixels_NK.sum(axis=0) > 0
    needed_K = FOUND * pixels_NK.sum(axis=0)
    found_K = np.zeros(len(is_shown_K))
    waiting = [index for index in range(1, len(is_shown_K)) if is_shown_K[index]]
    absent = tuple(index for index in range(1, len(is_shown_K)) if not is_shown_K[index])
    # The place of each slice among those that show a class, by how much of it they show.
    place_NK = np.argsort(np.argsort(-pixels_NK, axis=0, kind="stable"), axis=0)
    never = len(training_slices)
    place_NK[pixels_NK == 0] = never
    while waiting:
        place_N = place_NK[:, waiting].min(axis=1)
        chosen_B = np.argsort(place_N, kind="stable")[
            : min(PREDICTED_AT_ONCE, np.count_nonzero(place_N < never))
        ]
        if not len(chosen_B):
            break
        place_NK[chosen_B] = never
        for predicted_BHW, labels_BHW in predicted_batches(
            network, data, training_slices[chosen_B], precision
        ):
            predicted_BHW = without_ignored(predicted_BHW, labels_BHW, targets)
            masks = [list(target_masks(each, targets)) for each in (predicted_BHW, labels_BHW)]
            found_K[waiting] += torch.stack(
                [(masks[0][index - 1] & masks[1][index - 1]).sum() for index in waiting]
            ).tolist()
            waiting = [index for index in waiting if found_K[index] < needed_K[index]]
            if not waiting:  # by tiles, slices are predicted one after another
                break
    return Collapse(collapsed=tuple(waiting), absent=absent)
