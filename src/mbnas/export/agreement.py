"""Whether an export computes what the network computes: the same logits, within a tolerance."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mbnas.errors import ModelError
from mbnas.prediction.model.model_card import ModelCard
from mbnas.prediction.model.runner import Run

TOLERANCE = 1e-4
"""How far a logit may be off, as a share of the largest in absolute value."""

_REMEDY = "Export to another format, or another network."
_LONGEST = 200
_ODD = (3, 10)
"""How much higher and wider than in training the second images are: by no round number."""


@torch.inference_mode()
def check_agreement(run: Run, network: nn.Module, card: ModelCard, name: str) -> None:
    """Return if both give the same logits for random images of two sizes, in float32.

    The first is one image of the training's size, the second two of a size that no network
    divides.

    Args:
        run: What was exported, as its own tools run it.
        network: The original, on the CPU and in evaluation mode.
        card: Of the model.
        name: What to call the export in an error.

    Raises:
        ModelError: if a logit differs by more than :data:`TOLERANCE`, or there is none.
    """
    rng = np.random.default_rng(0)
    side, channels = card.interface.size, card.interface.in_channels
    for shape in (
        (1, channels, side, side),
        (2, channels, side + _ODD[0], side + _ODD[1]),
    ):
        images = rng.standard_normal(shape, dtype=np.float32)
        expected = network(torch.from_numpy(images)).numpy()
        try:
            logits = run(images)
        except Exception as error:  # whatever the ecosystem's tool raises
            raise ModelError(
                f"{name} was not written: it does not run on images of shape {shape} "
                f"({first_line(error)}). {_REMEDY}"
            ) from error
        if (found := disagreement(logits, expected)) > TOLERANCE:
            raise ModelError(
                f"{name} was not written: its logits differ from the network's by {found:.1e} of "
                f"the largest, and {TOLERANCE:.0e} is allowed. {_REMEDY}"
            )


def disagreement(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference of two arrays of logits, as a share of the largest logit.

    >>> disagreement(np.array([1.0, -4.0]), np.array([1.0, -4.2])) < 0.05
    True

    Arrays of different shapes, or with numbers that are not finite, differ infinitely.
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    largest = float(np.abs(expected).max()) or 1.0
    return float(np.abs(found - expected).max()) / largest


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:_LONGEST]}" if lines else type(error).__name__
