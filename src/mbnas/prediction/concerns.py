"""What in an image is unlike those that a model learned from, in words; it is predicted anyway.

Slices are fitted to the network's square whatever their size, so a body seen twice as coarsely
is one of the same size to the network: it may do well, and someone should look.
"""

from __future__ import annotations

from mbnas.data.geometry import ANATOMICAL_AXES, Geometry
from mbnas.data.prepare import ISOTROPY
from mbnas.prediction.card import ModelCard

FACTOR = 2.0
"""How much coarser or finer than in training voxels may be without a word."""


def concerns_about(card: ModelCard, geometry: Geometry) -> tuple[str, ...]:
    """Return what to say of an image's grid, a sentence each; nothing if it is as in training.

    Args:
        card: Of the model.
        geometry: The image's grid.
    """
    found = []
    spacing_mm = geometry.spacing_mm
    for name, here, there in zip(ANATOMICAL_AXES, spacing_mm, card.spacing_mm, strict=True):
        if max(here / there, there / here) > FACTOR:
            found.append(
                f"its voxels are {here:g} mm apart along the {name} axis, and about {there:g} mm "
                "where the model learned: look at the result with care."
            )
    if spacing_mm[card.slice_axis] * ISOTROPY < max(spacing_mm):
        coarsest = spacing_mm.index(max(spacing_mm))
        found.append(
            f"its coarsest axis is {ANATOMICAL_AXES[coarsest]}, and the model cuts across "
            f"{ANATOMICAL_AXES[card.slice_axis]}: slices will be coarser than it knows them."
        )
    return tuple(found)
