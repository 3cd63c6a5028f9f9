"""Set-up of a process and its device for training."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch

from mbnas.errors import ConfigurationError
from mbnas.training.device.out_of_memory import memory_errors
from mbnas.training.device.processor import is_fast_at_bfloat16
from mbnas.training.protocol import Precision

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_INT = 2**31 - 1
_TOP_PAD_BYTES = 2**26


def prepare_process(threads: int) -> None:
    """Set up this process for training: threads, allocator, determinism.

    The same training then gives the same weights bit for bit on one machine and device.

    Args:
        threads: CPU threads that torch may use inside an operation.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # No code here reads memory before writing it, so filling it would waste time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    keep_large_blocks()


@contextmanager
def flushing_subnormals() -> Iterator[None]:
    """Treat subnormal numbers as zero within the context: CPUs are many times slower with them.

    Outside of it they stay: without them, SciPy's nearest-neighbour trees can split endlessly.
    """
    before = bool(np.float64(2.0**-1074) * np.float64(1.0) == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def keep_large_blocks() -> None:
    """Make glibc keep freed memory instead of returning it to the kernel.

    A training step frees and allocates the same large blocks every time. Returning them
    costs a page fault per page and step, up to half of the time on a CPU.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from musl
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_INT)
        mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)
        mallopt(_M_TOP_PAD, _TOP_PAD_BYTES)


def resolve_device(name: str) -> str:
    """Return the device of a name; ``auto`` is CUDA if available, else the CPU.

    Args:
        name: ``auto``, or a device as torch names it, such as ``cpu`` or ``cuda:1``.

    Raises:
        ConfigurationError: if torch does not know the device or this machine does not have it.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigurationError(
            f"run.device (={name!r}) is not a device: use auto, cpu, cuda or cuda:0."
        ) from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigurationError(
            f"run.device (={name!r}) is not on this machine, which has "
            f"{torch.cuda.device_count()} CUDA devices: use cpu or auto."
        )
    if device.type not in ("cpu", "cuda"):
        found = torch.accelerator.current_accelerator(check_available=True)
        if found is None or found.type != device.type:
            raise ConfigurationError(
                f"run.device (={name!r}) is not on this machine: use cpu or auto."
            )
    return name


def resolve_precision(precision: Precision, device: str) -> Precision:
    """Return a precision with ``auto`` resolved for a device.

    ``auto`` is bfloat16 on CUDA devices that support it and on processors with AVX512-BF16 or
    AMX, float32 elsewhere.

    Args:
        precision: Any but ``auto`` is returned unchanged.
        device: From :func:`resolve_device`.
    """
    if precision != "auto":
        return precision
    return "bfloat16" if is_fast_at_bfloat16(torch.device(device)) else "float32"


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """Return the context in which a network computes at a precision.

    Args:
        device: As torch names it.
        precision: Resolved: ``auto`` computes in float32.
    """
    return torch.autocast(
        torch.device(device).type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
    )


def worker_name(device: str) -> str:
    """Return where this process trains, as text: host, process and device."""
    return f"{socket.gethostname()}:{os.getpid()} {device}"


def visible_devices() -> int:
    """Return how many CUDA devices this process sees."""
    return torch.cuda.device_count()


def take_device(device: str, slot: int) -> None:
    """Select the device of a slot's worker, before the worker first uses it.

    With ``cuda`` the slots use the machine's devices in turn; with ``cuda:1`` all use that one.

    Args:
        device: As in the study's configuration.
        slot: Number of the slot, from 0.

    Raises:
        OutOfMemory: if the device has no memory left for another process.
    """
    if device == "cuda":
        with memory_errors(device):
            torch.cuda.set_device(slot % torch.cuda.device_count())


def free_memory(device: str) -> tuple[int, ...]:
    """Return how many bytes are free on each device that slots use in turn.

    This creates a CUDA context on each, which lasts as long as the process.

    Args:
        device: As in the study's configuration: ``cuda`` is all devices, ``cuda:1`` that one.
    """
    devices = range(torch.cuda.device_count()) if device == "cuda" else [device]
    return tuple(torch.cuda.mem_get_info(each)[0] for each in devices)
