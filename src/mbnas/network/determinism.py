"""Where torch leaves it to us to be deterministic."""

from __future__ import annotations

import torch
from torch import Tensor


def is_ours_to_keep(maps: Tensor) -> bool:
    """Return whether maps are on a device other than the CPU and must give the same every time.

    Torch's own operations on them may then be slow, or refuse.
    """
    return maps.device.type != "cpu" and torch.are_deterministic_algorithms_enabled()
