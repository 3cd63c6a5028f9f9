"""Properties of processors: cores, instruction sets, and support for bfloat16."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_fast_at_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes natively in bfloat16.

    For CUDA devices torch reports it. CPUs do so with AVX512-BF16 or AMX, unless torch is set to
    use no AVX-512 (``ATEN_CPU_CAPABILITY``). Other devices do not.
    """
    match device.type:
        case "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        case "cpu":
            uses_avx512 = torch.backends.cpu.get_cpu_capability() == "AVX512"
            return uses_avx512 and bool({"avx512_bf16", "amx_bf16"} & processor_flags())
        case _:
            return False


def processor_flags() -> frozenset[str]:
    """Return the instruction sets that Linux reports; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split()[2:] for line in lines if line.startswith("flags")), ()))
