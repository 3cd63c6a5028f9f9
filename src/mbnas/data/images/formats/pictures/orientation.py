"""The orientation that a camera notes in EXIF: how stored pixels are turned to be looked at.

Source: EXIF 2.32, tag 274 (Orientation); the same numbers are used by TIFF 6.0.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

UPRIGHT = 1
"""The orientation of pixels that are stored as they are shown."""

_ORIENTATIONS = range(1, 9)
_FIRST_TRANSPOSED = 5


def orientation_or_upright(value: object) -> int:
    """Return an orientation; one that is not defined is ignored, as other programs do.

    >>> orientation_or_upright(6), orientation_or_upright(0), orientation_or_upright(None)
    (6, 1, 1)
    """
    return value if isinstance(value, int) and value in _ORIENTATIONS else UPRIGHT


def shown_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return width and height of a picture as it is shown.

    >>> shown_size(640, 480, 6)
    (480, 640)
    """
    return (height, width) if orientation >= _FIRST_TRANSPOSED else (width, height)


def as_shown(
    pixels_HWC: Shaped[np.ndarray, "height width channel"], orientation: int
) -> Shaped[np.ndarray, "rows columns channel"]:
    """Return stored pixels turned and mirrored as they are shown."""
    if orientation >= _FIRST_TRANSPOSED:
        pixels_HWC = pixels_HWC.swapaxes(0, 1)
    from_below = orientation in (3, 4, 7, 8)
    from_right = orientation in (2, 3, 6, 7)
    return pixels_HWC[:: -1 if from_below else 1, :: -1 if from_right else 1]
