"""Scores as statistics take them: finite, and rounded so that ties are ties."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

DECIMALS = 12
"""Scores that agree to this many decimals are equal: what differs beyond is rounding."""


def checked(scores: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " *shape"]:
    """Return scores rounded to :data:`DECIMALS`, so that ties are ties.

    Raises:
        ValueError: if there are none, or one is not finite.
    """
    if not scores.size or not np.isfinite(scores).all():
        raise ValueError(
            f"Scores of shape {scores.shape} must be one or more finite numbers. Leave out the "
            "blocks in which a network has none."
        )
    return np.round(scores, DECIMALS)
