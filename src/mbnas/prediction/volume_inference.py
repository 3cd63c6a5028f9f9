"""Class probabilities of a volume's voxels, from networks that predict its slices.

MONAI bundles contain this module, so that they give the same label maps as mbnas.

Shape suffixes: C channels, XYZ canonical voxels, B batch (of slices), N slices of a batch and
their neighbours, K classes, S side of a slice, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Float32

from mbnas.data.datasets.normalisation import (
    Normalisation,
    Scheme,
    outside_range,
)
from mbnas.data.slices.plane_transform import PlaneTransform, image_blocks
from mbnas.data.slices.tiles import tile_corners, tile_weights, total_weights
from mbnas.errors import DatasetError, ModelError
from mbnas.prediction.model.runner import Run
from mbnas.prediction.probabilities import sigmoid, softmax

Predict = Callable[
    [Float32[np.ndarray, "batch channels side side"]],
    Float32[np.ndarray, "batch classes side side"],
]
"""From prepared slices or tiles to class probabilities."""

_PIXELS = 2**19
_MOST_SLICES = 64


def check_intensities(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], schemes: Sequence[Scheme], name: str
) -> None:
    """Check that a volume's intensities are finite and within the range of its normalisation.

    Args:
        voxels_CXYZ: The volume.
        schemes: The normalisation scheme of each channel.
        name: The volume's name in errors.

    Raises:
        DatasetError: if they are not.
    """
    num_bad = sum(
        plane.size - int(np.isfinite(plane).sum())
        for voxels_XYZ in voxels_CXYZ
        for plane in voxels_XYZ
    )
    if num_bad:
        raise DatasetError(
            f"{name} holds {num_bad} voxels that are not finite (nan or infinite): "
            "intensities are finite numbers. Replace them."
        )
    if what := outside_range(voxels_CXYZ, schemes):
        raise DatasetError(f"{name} {what}")


def predicted_blocks(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
    plane: PlaneTransform,
    *,
    normalisation: Normalisation,
    context: int = 0,
    patch_size: int | None = None,
    predict: Predict,
) -> Iterator[tuple[slice, Float32[np.ndarray, "batch classes height width"]]]:
    """Yield consecutive slices of a volume, and the class probabilities of their voxels.

    Slices are prepared and predicted in batches, or by batches of tiles one after another, so
    memory does not grow with their number.

    Args:
        voxels_CXYZ: Intensities in canonical orientation.
        plane: The transform of the volume's slices.
        normalisation: How each channel is normalised.
        context: How many slices before and after a slice the networks see besides it.
        patch_size: Side of the tiles; ``None`` to predict whole slices.
        predict: From prepared slices with their neighbours, or tiles of them, to class
            probabilities.
    """
    side = patch_size or max(plane.frame)
    batch = min(_MOST_SLICES, max(1, _PIXELS // side**2))
    at_once = batch if patch_size is None else 1
    blocks = image_blocks(voxels_CXYZ, normalisation, plane, at_once=at_once, context=context)
    if patch_size is None:
        for place, images_BCSS in blocks:
            yield place, plane.restore(predict(images_BCSS))
        return
    images = (images_1CHW[0] for _, images_1CHW in blocks)
    maps = predicted_by_tiles(images, patch_size, at_once=batch, predict=predict)
    for number, map_KHW in enumerate(maps):
        yield slice(number, number + 1), plane.restore(map_KHW[None])


def predicted_by_tiles(
    images: Iterable[Float32[np.ndarray, "channels height width"]],
    side: int,
    *,
    at_once: int,
    predict: Predict,
) -> Iterator[Float32[np.ndarray, "classes height width"]]:
    """Yield the class probabilities of slices, as the weighted means over their tiles.

    A batch of tiles may be of several slices.

    Args:
        images: Prepared slices of any size, at least that of a tile.
        side: Of the tiles.
        at_once: Tiles in a batch.
        predict: From tiles to class probabilities.
    """
    tiles = (
        (image_CHW, corner)
        for image_CHW in images
        for corner in tile_corners(image_CHW.shape[1:], side)
    )
    total_KHW: np.ndarray | None = None
    while group := tuple(islice(tiles, at_once)):
        places = [
            (..., slice(row, row + side), slice(column, column + side))
            for _, (row, column) in group
        ]
        maps_BKSS = predict(
            np.stack(
                [image_CHW[place] for (image_CHW, _), place in zip(group, places, strict=True)]
            )
        )
        for (image_CHW, corner), place, map_KSS in zip(group, places, maps_BKSS, strict=True):
            frame = image_CHW.shape[1:]
            if total_KHW is None:
                total_KHW = np.zeros((len(map_KSS), *frame), np.float32)
            total_KHW[place] += map_KSS * tile_weights(side)
            if corner == (frame[0] - side, frame[1] - side):  # the slice's last tile
                yield total_KHW / total_weights(frame, side)
                total_KHW = None


def mean_probabilities(
    members: Sequence[Run],
    images_BCSS: Float32[np.ndarray, "batch channels side side"],
    *,
    flips: Sequence[tuple[int, ...]] = ((),),
    mirrored: Callable[[tuple[int, ...]], Sequence[int]] | None = None,
    of_regions: bool = False,
) -> Float32[np.ndarray, "batch classes side side"]:
    """Return the mean of the members' probabilities over flips of the slices.

    Args:
        members: From prepared slices to logits, one or more.
        images_BCSS: Prepared slices.
        flips: The dimensions that each flip reverses; by default slices are not flipped.
        mirrored: Returns what each class becomes in a flip, empty if no class changes places.
        of_regions: Whether the outputs are regions instead of classes.

    Raises:
        ModelError: if a logit is not finite.
    """
    total: np.ndarray | float = 0.0
    probabilities_of = sigmoid if of_regions else softmax
    for dims in flips:
        classes = list(mirrored(dims)) if mirrored is not None else []
        images = np.ascontiguousarray(np.flip(images_BCSS, dims))
        for run in members:
            probabilities = np.flip(probabilities_of(run(images)), dims)
            total = total + (probabilities[:, classes] if classes else probabilities)
    mean: np.ndarray = np.asarray(total) / np.float32(len(flips) * len(members))
    if not np.isfinite(mean).all():
        raise ModelError(
            "The network's logits are not finite for this image, so no class is the most likely. "
            "Look at the image's intensities, or use another model."
        )
    return mean
