"""The type of functions that run one member of a model.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

Run = Callable[
    [Float32[np.ndarray, "batch channels height width"]],
    Float32[np.ndarray, "batch classes height width"],
]
"""From prepared images to raw logits of the same height and width."""
