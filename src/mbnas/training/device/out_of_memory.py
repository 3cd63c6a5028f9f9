"""Recognise out-of-memory errors, and free memory afterwards."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mbnas.errors import OutOfMemory

# Messages of torch and the libraries below it that do not raise a specific error class.
_HOST = ("can't allocate memory",)
_DEVICE = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


@contextmanager
def memory_errors(device: str) -> Iterator[None]:
    """Raise :class:`OutOfMemory` if memory runs out on the host or the device.

    Memory of the failed work is freed, so that this process can continue.

    Args:
        device: Where the work runs, as torch names it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (message := _out_of_memory_message(error, device)) is None:
            raise
        traceback.clear_frames(error.__traceback__)  # they hold the work's tensors
        out_of_memory = OutOfMemory(message)
        out_of_memory.__cause__ = error
    else:
        return
    free_caches(device)
    raise out_of_memory


def _out_of_memory_message(error: Exception, device: str) -> str | None:
    """Return in one line where memory ran out, ``None`` for any other error."""
    text = str(error).strip() or type(error).__name__
    first_line = text.splitlines()[0]
    if isinstance(error, torch.OutOfMemoryError) or any(each in text for each in _DEVICE):
        return f"Memory ran out on {device}: {first_line}"
    if isinstance(error, MemoryError) or any(each in text for each in _HOST):
        return f"Memory ran out: {first_line}"
    return None


def free_caches(device: str) -> None:
    """Return unused cached memory to the device, for other processes."""
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
