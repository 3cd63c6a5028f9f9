"""Class probabilities of a volume's voxels, from networks that predict its slices.

MONAI bundles contain this module, so that they give the same label maps as mbnas.

Shape suffixes: C channels, XYZ canonical voxels, B batch (of slices), N slices of a batch and
their neighbours, K classes, S side of a slice, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float32

from mbnas.data.datasets.normalisation import (
    Normalisation,
    Scheme,
    normalise,
    of_volume,
    outside_range,
)
from mbnas.data.images.geometry import Geometry
from mbnas.data.slices.neighbours import neighbour_indices
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.errors import DatasetError, ModelError
from mbnas.prediction.model.runner import Run
from mbnas.prediction.probabilities import sigmoid, softmax

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
    geometry: Geometry,
    *,
    slice_axis: int,
    slice_size: int,
    normalisation: Normalisation,
    context: int = 0,
    predict: Callable[
        [Float32[np.ndarray, "batch channels side side"]],
        Float32[np.ndarray, "batch classes side side"],
    ],
) -> Iterator[tuple[slice, Float32[np.ndarray, "batch classes height width"]]]:
    """Yield consecutive slices of a volume, and the class probabilities of their voxels.

    Slices are prepared and predicted in batches, so memory does not grow with their number.

    Args:
        voxels_CXYZ: Intensities in canonical orientation.
        geometry: The volume's grid.
        slice_axis: Canonical axis that the volume is cut across.
        slice_size: Side of the prepared slices in pixels.
        normalisation: How each channel is normalised.
        context: How many slices before and after a slice the networks see besides it.
        predict: From prepared slices with their neighbours to class probabilities.
    """
    plane = PlaneTransform.fit(geometry, slice_axis, slice_size)
    scalings = of_volume(voxels_CXYZ, normalisation)
    bounds = np.array([0, plane.num_slices])
    batch = min(_MOST_SLICES, max(1, _PIXELS // slice_size**2))
    for start in range(0, plane.num_slices, batch):
        place = slice(start, min(start + batch, plane.num_slices))
        seen_BN = neighbour_indices(bounds, np.arange(place.start, place.stop), context)
        first, last = int(seen_BN.min()), int(seen_BN.max())
        block_NCHW = slices_across(voxels_CXYZ, slice_axis + 1, slice(first, last + 1))
        block_CXYZ = np.moveaxis(block_NCHW, 0, slice_axis + 1)
        images_NCSS = plane.images(normalise(block_CXYZ, scalings))
        images_BCSS = images_NCSS
        if context:
            side = (slice_size, slice_size)
            images_BCSS = images_NCSS[seen_BN - first].reshape(len(seen_BN), -1, *side)
        yield place, plane.restore(predict(images_BCSS))


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


def slices_across(array: np.ndarray, axis: int, place: slice) -> np.ndarray:
    """Return consecutive slices across an axis as a view, with that axis first."""
    return np.moveaxis(array, axis, 0)[place]
