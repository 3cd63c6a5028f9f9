"""The largest connected component of every class or region, for single organs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8
from scipy.ndimage import find_objects, label

_TOUCHING = np.ones((3, 3, 3), np.uint8)
"""Voxels that share a face, an edge or a corner are connected."""


def keep_largest_of_regions(
    masks: Bool[np.ndarray, "region x y z"],
) -> Bool[np.ndarray, "region x y z"]:
    """Return the largest component of each region; all other voxels are outside it."""
    return np.stack([keep_largest(mask.astype(np.uint8)) > 0 for mask in masks])


def keep_largest(classes_XYZ: UInt8[np.ndarray, "x y z"]) -> UInt8[np.ndarray, "x y z"]:
    """Return the largest component of each class; all other voxels become background.

    Voxels of a component share a face, an edge or a corner, and are of one class. Of several
    largest components, the first in the array is kept.

    Args:
        classes_XYZ: Class indices, 0 for background.
    """
    kept = np.zeros_like(classes_XYZ)
    for number, box in enumerate(find_objects(classes_XYZ), start=1):
        if box is None:
            continue
        components, _ = label(classes_XYZ[box] == number, _TOUCHING)
        sizes = np.bincount(components.ravel())
        sizes[0] = 0
        kept[box][components == sizes.argmax()] = number
    return kept
