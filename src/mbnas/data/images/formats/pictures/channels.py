"""What the samples of a picture mean: channels of an image, or the numbers of a label map.

A label map is read as the numbers that it stores: the indices of a palette, 0 and 1 of a bit. An
image is read as it looks: the colours of the palette. Transparency is no channel. It is left out
where it is the same everywhere; otherwise, what is meant to be seen is not known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from mbnas.errors import DatasetError

Palette = UInt8[np.ndarray, "index rgb"]


def colours(palette: Palette) -> Shaped[np.ndarray, "index channel"]:
    """Return the colour of each index: one channel if all colours are greys, else three.

    >>> colours(np.array([[0, 0, 0], [9, 9, 9]], np.uint8)).tolist()
    [[0], [9]]
    """
    is_grey = bool((palette == palette[:, :1]).all())
    return palette[:, :1] if is_grey else palette


def coloured(
    path: Path, indices_HW: Shaped[np.ndarray, "height width"], palette: Palette
) -> Shaped[np.ndarray, "height width channel"]:
    """Return the colours of a picture with a palette.

    Raises:
        DatasetError: if an index has no colour.
    """
    if indices_HW.max() >= len(palette):
        raise DatasetError(
            f"{path} is damaged: it uses colour {indices_HW.max()} of a palette of {len(palette)}. "
            "Save it again with another program."
        )
    pixels_HWC: np.ndarray = colours(palette)[indices_HW]
    return pixels_HWC


def check_opacity(path: Path, alpha: Shaped[np.ndarray, "*pixels"]) -> None:
    """Check that the opacity of an image is the same everywhere.

    Raises:
        DatasetError: if it is not.
    """
    if alpha.size and alpha.min() != alpha.max():
        raise DatasetError(
            f"{path} is transparent in parts (alpha from {alpha.min():g} to {alpha.max():g}): what "
            "is to be seen there depends on what is behind it. Flatten it onto a background, or "
            "remove its alpha channel."
        )
