"""Warnings about images that differ from those that a model was trained on.

Such images are predicted all the same. Whole slices of any size are fitted to the network's square,
and slices for patches are brought to one spacing, so an image with twice the voxel size looks the
same to the network: the result may be good, but should be checked.
"""

from __future__ import annotations

from mbnas.data.images.geometry import ANATOMICAL_AXES, Geometry
from mbnas.data.slices.slice_axis import ISOTROPY, choose_slice_axis, is_narrow
from mbnas.prediction.model.model_card import ModelCard

FACTOR = 2.0
"""Voxels that are coarser or finer than in training by more than this give a warning."""


def image_warnings(card: ModelCard, geometry: Geometry) -> tuple[str, ...]:
    """Return warnings about an image's grid, one sentence each; empty if it is as in training.

    Args:
        card: The model's card.
        geometry: The image's grid.
    """
    found = []
    shape, spacing_mm, axis = geometry.canonical_shape, geometry.spacing_mm, card.slice_axis
    if geometry.unit != card.unit:
        kinds = {"mm": "a volume", "pixels": "a picture"}
        found.append(
            f"it is {kinds[geometry.unit]}, and the model learned from {kinds[card.unit][2:]}s: "
            "check the result."
        )
    for number, name in enumerate(ANATOMICAL_AXES if geometry.unit == card.unit == "mm" else ()):
        here, there = spacing_mm[number], card.spacing_mm[number]
        if shape[number] > 1 and max(here / there, there / here) > FACTOR:
            found.append(
                f"its voxels are {here:g} mm apart along the {name} axis, and about {there:g} mm "
                "in the training data: check the result."
            )
    if card.context and shape[axis] == 1:
        found.append(
            "it has a single slice, and the model was trained to see neighbouring slices as well: "
            "the slice stands for them, and the result may be poor."
        )
    plane = card.plane(geometry)
    own = choose_slice_axis([geometry])
    if is_narrow(plane):
        height, width = plane.plane_shape
        found.append(
            f"the model cuts it across the {ANATOMICAL_AXES[axis]} axis into slices of "
            f"{height}×{width} voxels, which are too narrow: do not use the "
            "result."
        )
    elif shape[axis] > 1 and spacing_mm[axis] * ISOTROPY < spacing_mm[own]:
        found.append(
            f"its coarsest axis is {ANATOMICAL_AXES[own]}, and the model cuts across "
            f"{ANATOMICAL_AXES[axis]}: slices will be coarser than in training."
        )
    return tuple(found)
