"""How a bundle computes logits: in the parts, threads and precision of mbnas, to the last bit.

On a CPU each part of a batch is computed by one thread, a core a part, and bfloat16 is left to
processors that are fast at it, as in :mod:`mbnas.prediction.torch_members`.

Shape suffixes: B batch, C channels, K classes, S side of a slice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

Compute = Callable[
    [Float32[np.ndarray, "batch channels side side"]],
    Float32[np.ndarray, "batch classes side side"],
]


def computing(network: nn.Module, device: torch.device, precision: str) -> Compute:
    """Return the function from prepared slices to logits that a network is.

    Args:
        network: With its weights; it is moved to the device.
        device: Where to compute.
        precision: ``float32`` or ``bfloat16``, in which it was trained.
    """
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    lower = precision == "bfloat16" and _is_fast_at_bfloat16(device)

    @torch.inference_mode()
    def compute(
        images_BCSS: Float32[np.ndarray, "batch channels side side"],
    ) -> Float32[np.ndarray, "batch classes side side"]:
        images = torch.from_numpy(images_BCSS).to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=lower):
            logits: torch.Tensor = network(images)
        return logits.float().cpu().numpy()

    if device.type != "cpu":
        return compute

    def compute_in_parts(
        images_BCSS: Float32[np.ndarray, "batch channels side side"],
    ) -> Float32[np.ndarray, "batch classes side side"]:
        parts = np.array_split(images_BCSS, min(len(images_BCSS), _num_cores()))
        return np.concatenate(list(_cores().map(compute, parts)))

    return compute_in_parts


@cache
def _cores() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_num_cores(), initializer=_compute_alone)


def _compute_alone() -> None:
    """Have this thread compute by itself, and take subnormal numbers for zero, as in training."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_fast_at_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.split()[2:] for line in lines if line.startswith("flags")), [])
    return device.type == "cpu" and bool({"avx512_bf16", "amx_bf16"} & set(flags))
