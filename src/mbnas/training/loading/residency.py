"""Whether a study's slices lie on the training device as a whole, or are streamed to it.

A training gives the same either way. The prediction of its memory and the process that loads its
slices ask the same rule.
"""

from __future__ import annotations

import torch

from mbnas.machine.host_memory import available_bytes
from mbnas.training.protocol import SlicePrecision

AHEAD = 4
"""How many batches of streamed slices are read before they are asked for."""

_HOST_SHARE, _DEVICE_SHARE = 0.5, 0.25


def slices_bytes(
    num_slices: int, *, channels: int, size: int, precision: SlicePrecision = "float32"
) -> int:
    """Return how many bytes some slices and their labels take.

    Args:
        num_slices: How many there are.
        channels: Of the images; labels take a byte a pixel.
        size: Height and width in pixels.
        precision: In which images are kept.
    """
    of_value = {"float32": 4, "float16": 2}[precision]
    return num_slices * size**2 * (of_value * channels + 1)


def are_resident(num_bytes: int, device: str) -> bool:
    """Return whether slices of some size lie on a device as a whole.

    They do where they take a quarter of a CUDA device's memory or less. What is free there does
    not count: it comes and goes with other trainings, and a prediction would not stand. On
    others they do where they take half of the host's available memory or less. Where this process
    cannot see a CUDA device, they are taken to lie on it, which needs the most there.

    Args:
        num_bytes: Of all slices and labels, as they would lie there.
        device: As torch names it; ``cuda`` is any of the machine's.
    """
    if torch.device(device).type != "cuda":
        return num_bytes <= _HOST_SHARE * available_bytes()
    if not torch.cuda.is_available():
        return True
    index = torch.device(device).index
    asked = range(torch.cuda.device_count()) if index is None else [index]
    largest = max(torch.cuda.get_device_properties(each).total_memory for each in asked)
    return num_bytes <= _DEVICE_SHARE * largest


def streamed_bytes(
    batch: int, *, channels: int, size: int, precision: SlicePrecision = "float32"
) -> int:
    """Return how many bytes of a device streamed slices take at most, in batches on their way.

    Args:
        batch: Slices in the largest batch.
        channels: Of the images.
        size: Height and width in pixels.
        precision: In which images are sent.
    """
    return AHEAD * slices_bytes(batch, channels=channels, size=size, precision=precision)
