"""The metrics of one class in one volume, as values that the ledger keeps."""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCE_MM = 2.0
"""Distance up to which a surface counts as found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """How well one class of one volume was segmented.

    The first three are ``None`` if neither prediction nor reference contains the class.

    Attributes:
        dice: Twice the overlap over the sum of sizes, 0 to 1.
        hd95_mm: Symmetric 95th percentile of the Hausdorff distance.
        surface_dice: Fraction of both surfaces' area within the tolerance, 0 to 1.
        predicted_voxels: Voxels of the class in the prediction.
        reference_voxels: Voxels of the class in the reference.
    """

    dice: float | None
    hd95_mm: float | None
    surface_dice: float | None
    predicted_voxels: int
    reference_voxels: int
