"""Metrics of one volume or picture: Dice, HD95 and surface Dice, on its grid.

Lengths are in the unit of the spacing: millimetres, or pixels for a picture without spacing.

Libraries define surfaces differently, which changes HD95 and surface Dice. We use MONAI's:

- **HD95** is between the centres of edge voxels: voxels of the mask with at least one of six face
  neighbours outside it. It is the larger of the two directed 95th percentiles, each interpolated
  linearly, over edge voxels of equal weight.
- **Surface Dice** is between surface elements, as in DeepMind's surface-distance: one at each
  corner of the grid that voxels inside and outside share, weighted by the area in mm² that marching
  cubes gives to its eight voxels. An element exactly at the tolerance is within it.

A volume that is one voxel thick along an axis, such as a picture, is measured in its plane: edges
are pixels with one of four neighbours outside, and surface elements are pieces of the contour,
weighted by their length. In three dimensions, every voxel of a slice would be at a surface.

Everything outside the volume is background, so the surface of a mask that touches the border closes
there.

**Empty masks.** If a class is absent from both prediction and reference, all three are ``None``:
counted, but never averaged as 0 or 1. If it is absent from one of them, its Dice and surface Dice
are 0 and its HD95 is the volume's diagonal (:func:`diagonal_mm`), the largest distance on its grid.

**Ignored voxels** are background in both masks. What a network predicts there changes no metric.
Where both masks reach ignored voxels, they end there alike, at a distance of 0.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Integer
from scipy.ndimage import find_objects

from mbnas.errors import DatasetError, UsageError
from mbnas.scoring.class_metrics import TOLERANCE_MM, ClassMetrics

Box = tuple[slice, ...]


def measure(
    prediction_XYZ: Integer[np.ndarray, "x y z"],
    reference_XYZ: Integer[np.ndarray, "_ _ _"],
    *,
    num_classes: int,
    spacing_mm: tuple[float, float, float],
    tolerance_mm: float = TOLERANCE_MM,
    regions: Sequence[Sequence[int]] = (),
    ignored: int | None = None,
) -> tuple[ClassMetrics, ...]:
    """Return the metrics of every foreground class, or of every region, in their order.

    >>> import numpy as np
    >>> reference = np.zeros((8, 8, 4), np.uint8)
    >>> reference[2:6, 2:6, 1:3] = 1
    >>> measure(reference, reference, num_classes=2, spacing_mm=(0.5, 0.5, 3.0))[0].hd95_mm
    0.0

    Args:
        prediction_XYZ: Class numbers, 0 for background.
        reference_XYZ: Class numbers on the same grid.
        num_classes: Background included.
        spacing_mm: Distance between the centres of neighbouring voxels, along x, y and z.
        tolerance_mm: Distance up to which a surface counts as found.
        regions: Class numbers of each region; empty to measure the classes.
        ignored: Number of ignored voxels in the reference; ``None`` if there are none.

    Raises:
        DatasetError: if the volumes differ in shape, a number is not a class, or a spacing is not
            positive.
        UsageError: if the tolerance is negative or not finite.

    Source:
        Dice and HD95: Maier-Hein et al. 2024, Metrics Reloaded, Nature Methods 21. Surface Dice:
        Nikolov et al. 2021, J Med Internet Res 23(7), e26151.
    """
    _check_shapes(prediction_XYZ, reference_XYZ)
    if ignored is not None:
        is_labelled = reference_XYZ != ignored
        prediction_XYZ = np.where(is_labelled, prediction_XYZ, 0)
        reference_XYZ = np.where(is_labelled, reference_XYZ, 0)
    _check_numbers(prediction_XYZ, reference_XYZ, num_classes)
    _check_lengths(spacing_mm, tolerance_mm)
    absent = ClassMetrics(
        dice=None, hd95_mm=None, surface_dice=None, predicted_voxels=0, reference_voxels=0
    )
    metrics = []
    plane = _plane_axes(prediction_XYZ.shape)
    boxes = list(
        zip(_boxes(prediction_XYZ, num_classes), _boxes(reference_XYZ, num_classes), strict=True)
    )
    for numbers in regions or [(number,) for number in range(1, num_classes)]:
        present = [box for number in numbers for box in boxes[number - 1] if box is not None]
        if not present:
            metrics.append(absent)
            continue
        box = _union(present)
        metrics.append(
            _measure_class(
                _in_plane(np.isin(prediction_XYZ[box], numbers), plane),
                _in_plane(np.isin(reference_XYZ[box], numbers), plane),
                spacing_mm=tuple(spacing_mm[axis] for axis in plane),
                tolerance_mm=tolerance_mm,
                missing_mm=diagonal_mm(prediction_XYZ.shape, spacing_mm),
            )
        )
    return tuple(metrics)


def diagonal_mm(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> float:
    """Return the distance between the centres of two voxels in opposite corners of a volume.

    >>> diagonal_mm((4, 5, 1), (1.0, 1.0, 3.0))
    5.0
    """
    return math.hypot(
        *((size - 1) * spacing for size, spacing in zip(shape, spacing_mm, strict=True))
    )


def _plane_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes to measure along: two if a volume is one slice, else all three.

    >>> _plane_axes((9, 9, 1)), _plane_axes((9, 9, 9)), _plane_axes((9, 1, 1))
    ((0, 1), (0, 1, 2), (0, 1, 2))
    """
    plane = tuple(axis for axis, size in enumerate(shape) if size > 1)
    return plane if len(plane) == 2 else tuple(range(3))


def _in_plane(
    mask_XYZ: Bool[np.ndarray, "_ _ _"], plane: tuple[int, ...]
) -> Bool[np.ndarray, "*grid"]:
    """Return a mask without the axis that is not measured along."""
    flat: np.ndarray = mask_XYZ.squeeze(tuple(axis for axis in range(3) if axis not in plane))
    return flat


def _measure_class(
    prediction_XYZ: Bool[np.ndarray, "*grid"],
    reference_XYZ: Bool[np.ndarray, "*grid"],
    *,
    spacing_mm: tuple[float, ...],
    tolerance_mm: float,
    missing_mm: float,
) -> ClassMetrics:
    """Return the metrics of a class that is in at least one of the masks."""
    predicted, reference = int(prediction_XYZ.sum()), int(reference_XYZ.sum())
    hd95_mm, surface_dice = missing_mm, 0.0
    if predicted and reference:
        hd95_mm, surface_dice = _compare_surfaces(
            prediction_XYZ, reference_XYZ, spacing_mm, tolerance_mm
        )
    return ClassMetrics(
        dice=2 * int((prediction_XYZ & reference_XYZ).sum()) / (predicted + reference),
        hd95_mm=hd95_mm,
        surface_dice=surface_dice,
        predicted_voxels=predicted,
        reference_voxels=reference,
    )


def _compare_surfaces(
    prediction_XYZ: Bool[np.ndarray, "*grid"],
    reference_XYZ: Bool[np.ndarray, "*grid"],
    spacing_mm: tuple[float, ...],
    tolerance_mm: float,
) -> tuple[float, float]:
    """Return HD95 and surface Dice of two masks, neither of which is empty."""
    # Imported here: importing MONAI takes seconds.
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    # One voxel of background on every side closes surfaces at the border of the box.
    masks_BCXYZ = [
        torch.from_numpy(np.pad(mask, 1))[None, None] for mask in (prediction_XYZ, reference_XYZ)
    ]
    with warnings.catch_warnings():
        # MONAI uses an argument that it has itself deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        hd95_mm = compute_hausdorff_distance(
            *masks_BCXYZ, include_background=True, percentile=95, spacing=spacing_mm
        )
        surface_dice = compute_surface_dice(
            *masks_BCXYZ,
            class_thresholds=[tolerance_mm],
            include_background=True,
            spacing=spacing_mm,
            use_subvoxels=True,
        )
    return hd95_mm.item(), surface_dice.item()


def _boxes(labels_XYZ: Integer[np.ndarray, "_ _ _"], num_classes: int) -> list[Box | None]:
    """Return the bounding box of every foreground class, found in one pass."""
    boxes: list[Box | None] = find_objects(labels_XYZ, max_label=num_classes - 1)
    return boxes


def _union(boxes: list[Box]) -> Box:
    return tuple(
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*boxes, strict=True)
    )


def _check_shapes(
    prediction_XYZ: Integer[np.ndarray, "_ _ _"], reference_XYZ: Integer[np.ndarray, "_ _ _"]
) -> None:
    if prediction_XYZ.shape != reference_XYZ.shape:
        raise DatasetError(
            f"A prediction of shape {prediction_XYZ.shape} cannot be measured against a reference "
            f"of shape {reference_XYZ.shape}: they must be on one grid. Resample the "
            f"prediction onto it."
        )


def _check_numbers(
    prediction_XYZ: Integer[np.ndarray, "_ _ _"],
    reference_XYZ: Integer[np.ndarray, "_ _ _"],
    num_classes: int,
) -> None:
    if num_classes < 2:
        raise DatasetError(
            f"num_classes (={num_classes}) must be 2 or more: background and at least one class."
        )
    for name, labels_XYZ in (("prediction", prediction_XYZ), ("reference", reference_XYZ)):
        for number in (int(labels_XYZ.min(initial=0)), int(labels_XYZ.max(initial=0))):
            if not 0 <= number < num_classes:
                raise DatasetError(
                    f"The {name} holds {number}, which is not a class: classes run from 0 to "
                    f"{num_classes - 1}. Map its labels onto these."
                )


def _check_lengths(spacing_mm: tuple[float, ...], tolerance_mm: float) -> None:
    if not all(math.isfinite(each) and each > 0 for each in spacing_mm):
        raise DatasetError(
            f"spacing_mm (={spacing_mm}) must be three positive lengths. Correct the file's header."
        )
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise UsageError(f"tolerance_mm (={tolerance_mm}) must be a length of 0 or more.")
