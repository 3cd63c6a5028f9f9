"""One slice of the best, the median and the worst patient, from predictions and slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Shaped

from mbnas.data.images.appearance import upright
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.data.slices.shown_slices import shown_slices
from mbnas.errors import FigureError
from mbnas.report.figures.segmentation_example import SegmentationExample
from mbnas.results.compared_network import ComparedNetwork, patient_means
from mbnas.results.comparison import Comparison
from mbnas.results.segmentations.case_selection import best_median_worst
from mbnas.results.segmentations.kept_predictions import (
    KeptPredictions,
    mean_dice,
    predicted_volumes,
    reference_and_predictions,
)


def validated_networks(comparison: Comparison) -> tuple[ComparedNetwork, ...]:
    """Return the networks of a comparison that were measured on the patients of the folds."""
    return tuple(each for each in comparison.networks if each.validation is not None)


def read_examples(
    prepared: PreparedSlices, comparison: Comparison, predictions: KeptPredictions
) -> tuple[SegmentationExample, ...]:
    """Return one slice of the best, the median and the worst patient.

    It is the slice with the most foreground in the reference.

    Args:
        prepared: The study's slices.
        comparison: Whose networks to show.
        predictions: As the ledger keeps them.

    Raises:
        FigureError: if a patient has no predictions of all networks.
        StudyError: if a prediction cannot be unpacked.
    """
    networks = validated_networks(comparison)
    patients = best_median_worst([patient_means(each, "dice") for each in networks])
    return tuple(
        _example(title, patient, prepared, networks, predictions) for title, patient in patients
    )


def _example(
    title: str,
    patient: str,
    prepared: PreparedSlices,
    networks: Sequence[ComparedNetwork],
    predictions: KeptPredictions,
) -> SegmentationExample:
    predicted = [predicted_volumes(each, predictions) for each in networks]
    volumes = [
        volume
        for volume in prepared.volumes
        if volume.patient == patient and all(volume.case in each for each in predicted)
    ]
    if not volumes:
        raise FigureError(
            f"The ledger holds no segmentations of {patient} by all networks: it keeps those of "
            "the first fresh initialisation. Run mbnas compare on a new study."
        )
    volume = volumes[0]
    records = [each[volume.case] for each in predicted]
    reference_NSS, *predicted_NSS = reference_and_predictions(prepared, volume, records)
    is_foreground_NSS = (reference_NSS > 0) & prepared.targets.is_labelled(reference_NSS)
    number = int(is_foreground_NSS.sum(axis=(1, 2)).argmax())
    return SegmentationExample(
        title=title,
        patient=patient,
        place=_place(volume, number),
        image=_upright(_seen(prepared, volume, number), volume),
        reference_HW=_upright(reference_NSS[number], volume),
        predicted_HW=tuple(_upright(each[number], volume) for each in predicted_NSS),
        dice=tuple(map(mean_dice, records)),
        spacing_mm=_spacing(volume),
        unit=volume.geometry.unit,
        targets=prepared.targets,
    )


def _place(volume: PreparedVolume, number: int) -> str:
    """Return which slice of a volume it is, or which picture of its patient."""
    if volume.geometry.unit == "mm":
        return f"slice {number + 1} of {volume.num_slices}"
    return "" if volume.case == volume.patient else volume.case


def _seen(
    prepared: PreparedSlices, volume: PreparedVolume, number: int
) -> Float32[np.ndarray, "side side *colours"]:
    """Return what is shown of a slice."""
    seen: np.ndarray = shown_slices(prepared, volume, slice(number, number + 1))[0]
    return seen


def _upright(
    seen: Shaped[np.ndarray, "side side *colours"], volume: PreparedVolume
) -> Shaped[np.ndarray, "height width *colours"]:
    """Return a slice without its padding, anterior or superior up, the patient's right to the left.

    Prepared slices run along canonical axes (RAS+), the lower of the two downwards.
    """
    (top, left), (height, width) = volume.plane.offset, volume.plane.fitted
    inner = seen[top : top + height, left : left + width]
    return np.ascontiguousarray(upright(inner, coloured=inner.ndim > 2))


def _spacing(volume: PreparedVolume) -> tuple[float, float]:
    """Return the distance between pixels of an upright slice, down and across."""
    plane = volume.plane
    voxels_mm = [mm for axis, mm in enumerate(volume.spacing_mm) if axis != plane.slice_axis]
    lower, higher = (
        mm * count / pixels
        for mm, count, pixels in zip(voxels_mm, plane.plane_shape, plane.fitted, strict=True)
    )
    return higher, lower
