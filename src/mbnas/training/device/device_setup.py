"""Where trainings run, and how a process is made ready for them."""

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
    """Make this process ready to train: threads, allocator, determinism.

    The same training then gives the same weights bit for bit on one machine and device.

    Args:
        threads: CPU threads that torch may use inside an operation.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before it is written, so filling it beforehand is lost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    keep_large_blocks()


@contextmanager
def flushing_subnormals() -> Iterator[None]:
    """Take subnormal numbers for zero meanwhile: processors compute with them many times slower.

    Only meanwhile: SciPy's nearest-neighbour trees split without end where they are zero.
    """
    before = bool(np.float64(2.0**-1074) * np.float64(1.0) == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def keep_large_blocks() -> None:
    """Tell glibc to keep freed memory instead of returning it to the kernel.

    A training step frees and asks for the same large blocks every time; returning them
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
    """Return the device that a name stands for: ``auto`` is CUDA where there is one.

    Args:
        name: ``auto``, or a device as torch names it, such as ``cpu`` or ``cuda:1``.

    Raises:
        ConfigurationError: if torch knows no such device or this machine has none.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigurationError(
            f"run.device (={name!r}) is no device: use auto, cpu, cuda or cuda:0."
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
    """Return the precision that ``auto`` stands for on a device.

    It is bfloat16 on CUDA devices that compute in it and on processors with AVX512-BF16 or
    AMX, float32 elsewhere.

    Args:
        precision: As asked for; any but ``auto`` stays.
        device: As :func:`resolve_device` returns it.
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
    """Return where this process trains, for people: host, process and device."""
    return f"{socket.gethostname()}:{os.getpid()} {device}"


def visible_devices() -> int:
    """Return how many CUDA devices this process sees."""
    return torch.cuda.device_count()


def take_device(device: str, slot: int) -> None:
    """Give the worker of a slot a device of its own, before it first uses one.

    With ``cuda`` the slots take the machine's devices in turn; ``cuda:1`` keeps to that one.

    Args:
        device: As the study names it.
        slot: Number of the worker, from 0.

    Raises:
        OutOfMemory: if the device has none left for one process more.
    """
    if device == "cuda":
        with memory_errors(device):
            torch.cuda.set_device(slot % torch.cuda.device_count())


def free_memory(device: str) -> tuple[int, ...]:
    """Return how many bytes are free on each device that slots take in turn.

    This makes a CUDA context on each, which stays as long as the process.

    Args:
        device: As the study names it: ``cuda`` is all of the machine's, ``cuda:1`` that one.
    """
    devices = range(torch.cuda.device_count()) if device == "cuda" else [device]
    return tuple(torch.cuda.mem_get_info(each)[0] for each in devices)
