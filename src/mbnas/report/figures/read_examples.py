"""From a study's ledger and slices to the segmentations that are worth showing.

They are those of the first fresh initialisation, for which the ledger keeps predictions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.errors import FigureError
from mbnas.report.figures.example import Example
from mbnas.results.compared_network import ComparedNetwork, patient_means
from mbnas.results.comparison import Comparison
from mbnas.scoring.overlap import mean_defined
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.packed_predictions import unpack_prediction
from mbnas.training.training_record import VolumeRecord


def shown_networks(comparison: Comparison) -> tuple[ComparedNetwork, ...]:
    """Return the networks of a comparison that were measured on the patients of the folds."""
    return tuple(each for each in comparison.networks if each.validation is not None)


def chosen_patients(means: Sequence[dict[str, float]]) -> tuple[tuple[str, str], ...]:
    """Return the best, the median and the worst patient by mean Dice over networks, with titles.

    >>> chosen_patients([{"a": 0.9, "b": 0.5, "c": 0.7}, {"a": 0.8, "b": 0.6, "c": 0.7}])
    (('best', 'a'), ('median', 'c'), ('worst', 'b'))

    Args:
        means: Dice of every patient, by network; patients whom a network lacks are left out.
    """
    common = set.intersection(*map(set, means)) if means else set()
    order = sorted(common, key=lambda who: (-sum(of[who] for of in means), who))
    if len(order) < 3:
        return tuple(zip(("best", "worst"), order, strict=False))
    return (("best", order[0]), ("median", order[(len(order) - 1) // 2]), ("worst", order[-1]))


def collect_examples(
    prepared: PreparedSlices, ledger: Ledger, comparison: Comparison
) -> tuple[Example, ...]:
    """Return one slice of the best, the median and the worst patient.

    It is the slice with the most foreground in the reference.

    Args:
        prepared: The study's slices.
        ledger: Its ledger, open for reading at least.
        comparison: Whose networks to show.

    Raises:
        FigureError: if no patient has predictions of all networks.
        StudyError: if the ledger cannot be read.
    """
    networks = shown_networks(comparison)
    means = [patient_means(each, "dice") for each in networks]
    return tuple(
        _example(title, patient, prepared, ledger, networks)
        for title, patient in chosen_patients(means)
    )


def _example(
    title: str,
    patient: str,
    prepared: PreparedSlices,
    ledger: Ledger,
    networks: Sequence[ComparedNetwork],
) -> Example:
    found = [_predictions(ledger, each, patient) for each in networks]
    volumes = [v for v in prepared.volumes if all(v.case in of_network for of_network in found)]
    if not volumes:
        raise FigureError(
            f"The ledger holds no segmentations of {patient} by all networks: it keeps those of "
            "the first fresh initialisation. Run mbnas compare on a new study."
        )
    volume = volumes[0]
    records = [of_network[volume.case] for of_network in found]
    reference_NSS = np.asarray(prepared.labels[volume.slices])
    number = int((reference_NSS > 0).sum(axis=(1, 2)).argmax())
    predicted = [
        unpack_prediction(each.prediction or b"", volume, num_classes=prepared.num_classes)
        for each in records
    ]
    return Example(
        title=title,
        patient=patient,
        place=f"slice {number + 1} of {volume.num_slices}",
        image_HW=_upright(np.array(prepared.images[volume.first_slice + number, 0]), volume),
        reference_HW=_upright(reference_NSS[number], volume),
        predicted_HW=tuple(_upright(each[number], volume) for each in predicted),
        dice=tuple(mean_defined(tuple(of.dice for of in each.measures)) for each in records),
        spacing_mm=_spacing(volume),
    )


def _predictions(ledger: Ledger, network: ComparedNetwork, patient: str) -> dict[str, VolumeRecord]:
    """Return what a network's first initialisation made of a patient's cases, by case."""
    first = min(record.key.initialisation for record in network.trainings)
    keys = [
        record.key
        for record in network.trainings
        if record.key.initialisation == first and any(v.patient == patient for v in record.volumes)
    ]
    records = [record for key in keys if (record := ledger.training(key)) is not None]
    return {
        volume.case: volume
        for record in records
        for volume in record.volumes
        if volume.patient == patient and volume.prediction is not None
    }


def _upright(
    slice_SS: Shaped[np.ndarray, "side side"], volume: PreparedVolume
) -> Shaped[np.ndarray, "height width"]:
    """Return a slice without its padding, anterior or superior up, the patient's right to the left.

    Prepared slices run along canonical axes (RAS+), the lower of the two downwards.
    """
    (top, left), (height, width) = volume.plane.offset, volume.plane.fitted
    return np.ascontiguousarray(slice_SS[top : top + height, left : left + width].T[::-1, ::-1])


def _spacing(volume: PreparedVolume) -> tuple[float, float]:
    """Return the distance between pixels of an upright slice, down and across."""
    plane = volume.plane
    voxels_mm = [mm for axis, mm in enumerate(volume.spacing_mm) if axis != plane.slice_axis]
    lower, higher = (
        mm * count / pixels
        for mm, count, pixels in zip(voxels_mm, plane.plane_shape, plane.fitted, strict=True)
    )
    return higher, lower
