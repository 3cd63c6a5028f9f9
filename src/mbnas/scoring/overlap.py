"""Dice from voxel counts; the empty case is undefined.

Per patient and class: twice the overlap over the sum of sizes. A class absent from both
prediction and reference has no Dice; it is left out of means and never counts as 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapCounts:
    """Voxels counted per patient and foreground class, each of shape (patient, class).

    Attributes:
        overlap: Voxels of the class in both prediction and reference.
        predicted: Voxels of the class in the prediction.
        reference: Voxels of the class in the reference.
    """

    overlap: Int[np.ndarray, "patient foreground"]
    predicted: Int[np.ndarray, "patient foreground"]
    reference: Int[np.ndarray, "patient foreground"]

    def dice(self) -> Float[np.ndarray, "patient foreground"]:
        """Return the Dice of every patient and class, nan where undefined.

        >>> import numpy as np
        >>> counts = OverlapCounts(
        ...     overlap=np.array([[3, 0]]),
        ...     predicted=np.array([[4, 0]]),
        ...     reference=np.array([[4, 0]]),
        ... )
        >>> counts.dice()
        array([[0.75,  nan]])
        """
        size = self.predicted + self.reference
        dice = np.full(size.shape, np.nan)
        np.divide(2 * self.overlap, size, out=dice, where=size > 0)
        return dice

    def class_dice(self) -> tuple[float | None, ...]:
        """Return each class's mean over the patients for whom it is defined, or ``None``."""
        return tuple(
            float(np.mean(of_class[~np.isnan(of_class)])) if not np.isnan(of_class).all() else None
            for of_class in self.dice().T
        )


def mean_defined(values: tuple[float | None, ...]) -> float | None:
    """Return the mean of the defined values, ``None`` if there are none.

    Args:
        values: ``None`` where undefined, never nan.

    >>> mean_defined((0.5, None, 0.7))
    0.6
    """
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
