"""Logits of slices from a torch network: the parts, threads and precision of the computation.

MONAI bundles contain this module, so that they give the same label maps as mbnas.

Shape suffixes: B batch, C channels, K classes, H height, W width; sides may differ.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from mbnas.network.operations.memory_layout import channels_last, placed
from mbnas.prediction.model.runner import Run
from mbnas.training.device.processor import is_fast_at_bfloat16, num_cores


def torch_runner(network: nn.Module, device: torch.device, precision: str) -> Run:
    """Return a function that runs a network on prepared slices.

    On a CPU a batch is split into one part per core, each computed by one thread. That is faster
    than threads within operations: slices are small, and on busy cores such threads wait for one
    another. bfloat16 is used only on devices that are fast at it.

    Args:
        network: With its weights; it is moved to the device.
        device: Where to compute.
        precision: ``float32`` or ``bfloat16``, in which the network was trained.
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
    """Return this process's threads for computing, one per core."""
    return ThreadPoolExecutor(num_cores(), "prediction", initializer=_set_up_thread)


def _set_up_thread() -> None:
    """Let torch use only this thread, and treat subnormal numbers as zero, as in training."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
