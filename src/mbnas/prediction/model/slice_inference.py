"""How a network computes logits of slices: in which parts, threads and precision.

A bundle for MONAI ships this module: its label maps are those of mbnas to the last voxel.

Shape suffixes: B batch, C channels, K classes, H height, W width: sides need not be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from mbnas.network.operations.memory_layout import channels_last, placed
from mbnas.training.device.processor import is_fast_at_bfloat16, num_cores

Compute = Callable[
    [Float32[np.ndarray, "batch channels height width"]],
    Float32[np.ndarray, "batch classes height width"],
]


def computing(network: nn.Module, device: torch.device, precision: str) -> Compute:
    """Return the function from prepared slices to logits that a network is.

    On a CPU each part of a batch is computed by one thread, a core a part, which beats threads
    inside each operation: slices are small, and where the cores are busy those threads wait for
    one another. bfloat16 is left to devices that are fast at it.

    Args:
        network: With its weights; it is moved to the device.
        device: Where to compute.
        precision: ``float32`` or ``bfloat16``, in which it was trained.
    """
    network = placed(network, device).eval()
    lower = precision == "bfloat16" and is_fast_at_bfloat16(device)

    @torch.inference_mode()
    def compute(
        images_BCHW: Float32[np.ndarray, "batch channels height width"],
    ) -> Float32[np.ndarray, "batch classes height width"]:
        images = channels_last(torch.from_numpy(images_BCHW).to(device))
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=lower):
            logits: torch.Tensor = network(images)
        return logits.float().cpu().numpy()

    if device.type != "cpu":
        return compute

    def compute_in_parts(
        images_BCHW: Float32[np.ndarray, "batch channels height width"],
    ) -> Float32[np.ndarray, "batch classes height width"]:
        parts = np.array_split(images_BCHW, min(len(images_BCHW), num_cores()))
        return np.concatenate(list(_cores().map(compute, parts)))

    return compute_in_parts


@cache
def _cores() -> ThreadPoolExecutor:
    """Return the threads of this process that compute on its CPU cores, one for each."""
    return ThreadPoolExecutor(num_cores(), "prediction", initializer=_compute_alone)


def _compute_alone() -> None:
    """Have this thread compute by itself, and take subnormal numbers for zero, as in training."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
