"""Whether an export computes what the network computes: the same logits, within a tolerance."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mbnas.errors import ModelError
from mbnas.prediction.members import Run

TOLERANCE = 1e-4
"""How far a logit may be off, as a share of the largest in absolute value."""

_SIZES = ((1, 32, 32), (2, 29, 43))
"""Batch, height and width of the images compared: one that networks divide, one that not."""


@torch.inference_mode()
def check_agreement(run: Run, network: nn.Module, *, in_channels: int, name: str) -> None:
    """Return if both give the same logits for random images of two sizes, in float32.

    Args:
        run: What was exported, as its own tools run it.
        network: The original, on the CPU and in evaluation mode.
        in_channels: Channels of the images.
        name: What to call the export in an error.

    Raises:
        ModelError: if a logit differs by more than :data:`TOLERANCE`.
    """
    rng = np.random.default_rng(0)
    for batch, height, width in _SIZES:
        images = rng.standard_normal((batch, in_channels, height, width), dtype=np.float32)
        expected = network(torch.from_numpy(images)).numpy()
        if (found := disagreement(run(images), expected)) > TOLERANCE:
            raise ModelError(
                f"{name} was not written: its logits differ from the network's by {found:.1e} of "
                f"the largest, and {TOLERANCE:.0e} is allowed. Export to another format."
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
