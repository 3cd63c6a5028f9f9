"""What in an image is unlike those that a model learned from, in words; it is predicted anyway.

Slices are fitted to the network's square whatever their size, so a body seen twice as coarsely
is one of the same size to the network: it may do well, and someone should look.
"""

from __future__ import annotations

from mbnas.data.images.geometry import ANATOMICAL_AXES, Geometry
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.data.slices.slice_axis import ISOTROPY, choose_slice_axis, is_narrow
from mbnas.prediction.model.model_card import ModelCard

FACTOR = 2.0
"""How much coarser or finer than in training voxels may be without a word."""


def concerns_about(card: ModelCard, geometry: Geometry) -> tuple[str, ...]:
    """Return what to say of an image's grid, a sentence each; nothing if it is as in training.

    Args:
        card: Of the model.
        geometry: The image's grid.
    """
    found = []
    shape, spacing_mm, axis = geometry.canonical_shape, geometry.spacing_mm, card.slice_axis
    for number, name in enumerate(ANATOMICAL_AXES):
        here, there = spacing_mm[number], card.spacing_mm[number]
        if shape[number] > 1 and max(here / there, there / here) > FACTOR:
            found.append(
                f"its voxels are {here:g} mm apart along the {name} axis, and about {there:g} mm "
                "where the model learned: look at the result with care."
            )
    plane = PlaneTransform.fit(geometry, axis, card.slice_size)
    own = choose_slice_axis([geometry])
    if is_narrow(plane):
        height, width = plane.plane_shape
        found.append(
            f"the model cuts it across the {ANATOMICAL_AXES[axis]} axis into slices of "
            f"{height}×{width} voxels, which are too narrow to show anything: do not use the "
            "result."
        )
    elif shape[axis] > 1 and spacing_mm[axis] * ISOTROPY < spacing_mm[own]:
        found.append(
            f"its coarsest axis is {ANATOMICAL_AXES[own]}, and the model cuts across "
            f"{ANATOMICAL_AXES[axis]}: slices will be coarser than it knows them."
        )
    return tuple(found)
