"""Memory that runs out, told apart from all other errors, and given back afterwards."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mbnas.errors import OutOfMemory

# What torch and the libraries below it say, where they do not raise an error of their own kind.
_HOST = ("can't allocate memory",)
_DEVICE = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


@contextmanager
def memory_errors(device: str) -> Iterator[None]:
    """Turn memory that runs out, here or on the device, into :class:`OutOfMemory`.

    What the failed work had is given up, so that this process can go on.

    Args:
        device: Where the work is done, as torch names it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (sentence := _shortage(error, device)) is None:
            raise
        traceback.clear_frames(error.__traceback__)  # they hold the work's tensors
        shortage = OutOfMemory(sentence)
        shortage.__cause__ = error
    else:
        return
    free_caches(device)
    raise shortage


def _shortage(error: Exception, device: str) -> str | None:
    """Return in one line how memory ran out, ``None`` if it did not."""
    text = str(error).strip() or type(error).__name__
    first_line = text.splitlines()[0]
    if isinstance(error, torch.OutOfMemoryError) or any(each in text for each in _DEVICE):
        return f"Memory ran out on {device}: {first_line}"
    if isinstance(error, MemoryError) or any(each in text for each in _HOST):
        return f"Memory ran out: {first_line}"
    return None


def free_caches(device: str) -> None:
    """Give a device's memory that no tensor needs back to those who share the device."""
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
