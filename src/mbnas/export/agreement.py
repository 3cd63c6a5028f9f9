"""Check that an export gives the same logits as the network, within a tolerance."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mbnas.errors import ModelError
from mbnas.prediction.model.model_card import ModelCard
from mbnas.prediction.model.runner import Run

TOLERANCE = 1e-4
"""Largest error of a logit, as a fraction of the largest absolute logit."""

_REMEDY = "Export to another format, or another network."
_LONGEST = 200
_ODD = (3, 10)
"""Height and width of the second images minus those in training, chosen not to be round."""


@torch.inference_mode()
def check_agreement(run: Run, network: nn.Module, card: ModelCard, name: str) -> None:
    """Check that both give the same logits for random images of two sizes, in float32.

    The first is one image of the training's size, the second are two images of a size that is no
    multiple of a network's strides.

    Args:
        run: Runs the export with the tools of its format.
        network: The original, on the CPU and in evaluation mode.
        card: The model's card.
        name: The export's name in errors.

    Raises:
        ModelError: if a logit differs by more than :data:`TOLERANCE`, or the export fails.
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
        except Exception as error:  # any error of the format's tools
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
    """Return the largest difference of two arrays of logits, as a fraction of the largest logit.

    >>> disagreement(np.array([1.0, -4.0]), np.array([1.0, -4.2])) < 0.05
    True

    The difference is infinite for arrays of different shapes or with values that are not finite.
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    largest = float(np.abs(expected).max()) or 1.0
    return float(np.abs(found - expected).max()) / largest


def first_line(error: Exception) -> str:
    """Return the class of an error and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:_LONGEST]}" if lines else type(error).__name__
