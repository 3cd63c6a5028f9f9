"""One slice of a patient with its reference and predictions, and the part of it to show.

Shape suffixes: H height and W width of a slice in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from mbnas.data.datasets.label_scheme import Targets
from mbnas.data.images.geometry import Unit

_MARGIN, _SMALLEST_VIEW = 0.2, 0.25  # of the foreground's side; of the image's


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationExample:
    """One slice of one patient.

    Attributes:
        title: Why the patient was chosen, such as ``"best"``.
        patient: Name of the patient.
        place: Which slice of the volume it is, or which picture of the patient; may be empty.
        image: Its intensities, upright, or its colours last.
        reference_HW: Labels of the reference.
        predicted_HW: Of every network.
        dice: Of every network, on the patient's whole volume.
        spacing_mm: Distance between pixels down and across.
        unit: What it is given in.
        targets: The classes or regions in the labels.

    Raises:
        ValueError: unless all are of one shape and every prediction has its Dice.
    """

    title: str
    patient: str
    place: str
    image: Float32[np.ndarray, "height width *colours"]
    reference_HW: UInt8[np.ndarray, "height width"]
    predicted_HW: tuple[UInt8[np.ndarray, "height width"], ...]
    dice: tuple[float | None, ...]
    spacing_mm: tuple[float, float]
    unit: Unit = "mm"
    targets: Targets

    def __post_init__(self) -> None:
        labels = (self.reference_HW, *self.predicted_HW)
        shapes = {self.image.shape[:2], *(each.shape for each in labels)}
        if len(shapes) > 1 or len(self.dice) != len(self.predicted_HW):
            raise ValueError(
                f"Image, reference and predictions of {self.patient} must have one shape (are "
                f"{sorted(shapes)}), and {len(self.predicted_HW)} predictions as many Dice (are "
                f"{len(self.dice)})."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A square part of a slice, in millimetres from its upper left corner."""

    left: float
    top: float
    side: float


def view_of(example: SegmentationExample) -> View:
    """Return the square around all foreground with a margin, inside the slice if it fits."""
    shape = np.array(example.reference_HW.shape)
    spacing = np.array(example.spacing_mm)
    size_mm = shape * spacing
    labels = np.stack([example.reference_HW, *example.predicted_HW])
    is_seen = ((labels > 0) & example.targets.is_labelled(labels)).any(axis=0)
    low, high = np.zeros(2), size_mm
    if is_seen.any():
        pixels = np.argwhere(is_seen)
        low, high = pixels.min(0) * spacing, (pixels.max(0) + 1) * spacing
    extent = float((high - low).max()) * (1 + 2 * _MARGIN)
    side = min(max(extent, _SMALLEST_VIEW * float(size_mm.max())), float(size_mm.max()))
    starts = (low + high - side) / 2
    inside = np.clip(starts, 0, np.maximum(size_mm - side, 0))
    top, left = np.where(size_mm < side, (size_mm - side) / 2, inside)
    return View(left=float(left), top=float(top), side=side)
