"""The segmentations that the page shows, from kept predictions and prepared slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.data.slices.shown_slices import are_coloured, shown_slices
from mbnas.errors import StudyError
from mbnas.results.comparison import Comparison
from mbnas.results.segmentations.case_selection import (
    COLOURED_BYTES,
    order_by_mean_dice,
    page_capacity,
    spread_over_order,
)
from mbnas.results.segmentations.kept_predictions import (
    KeptPredictions,
    mean_dice,
    predicted_volumes,
    reference_and_predictions,
)
from mbnas.results.segmentations.outlined_cases import OutlinedCase, Segmentations, outline_case
from mbnas.training.training_record import VolumeRecord

_MOST_PIXELS = 512
"""Along the larger side of a slice on the page."""


def read_segmentations(
    slices: Path, comparison: Comparison, predictions: KeptPredictions
) -> Segmentations:
    """Return the segmentations of the networks of a comparison, the worst case first.

    They are those of the first fresh initialisation, for which the ledger keeps predictions.
    If the predictions or the prepared slices are gone, the value says so in place of cases.

    Args:
        slices: Folder of the study's prepared slices.
        comparison: Whose networks to show.
        predictions: As the ledger keeps them.
    """
    found = [(each.name, predicted_volumes(each, predictions)) for each in comparison.networks]
    networks = [(name, volumes) for name, volumes in found if volumes]
    class_names, names = comparison.class_names, tuple(name for name, _ in networks)
    if not networks:
        return Segmentations(
            class_names=class_names,
            network_names=names,
            missing="The ledger holds no segmentations of these networks: it keeps those of the "
            "first fresh initialisation.",
        )
    try:
        prepared = PreparedSlices.open(slices)
    except StudyError:
        return Segmentations(
            class_names=class_names,
            network_names=names,
            missing=f"The prepared slices of this study, {slices.name}, no longer exist. The next "
            "search or comparison in this study prepares them again.",
        )
    return _outlined(prepared, class_names, names, [volumes for _, volumes in networks])


def _outlined(
    prepared: PreparedSlices,
    class_names: tuple[str, ...],
    network_names: tuple[str, ...],
    predicted: Sequence[Mapping[str, VolumeRecord]],
) -> Segmentations:
    volumes = [v for v in prepared.volumes if all(v.case in each for each in predicted)]
    dice = [tuple(mean_dice(each[volume.case]) for each in predicted) for volume in volumes]
    step = max(map(_thinning, volumes), default=1)
    num_cases, num_slices = page_capacity(
        len(volumes),
        max((-(-max(each.plane.frame) // step) for each in volumes), default=1),
        most_slices=max((each.num_slices for each in volumes), default=1),
        pixel_bytes=COLOURED_BYTES if are_coloured(prepared) else 1,
    )
    order = order_by_mean_dice(dice)
    return Segmentations(
        class_names=class_names,
        network_names=network_names,
        slice_axis=prepared.index.slice_axis if prepared.unit == "mm" else None,
        cases=tuple(
            _case(
                prepared,
                volumes[order[place]],
                [each[volumes[order[place]].case] for each in predicted],
                dice[order[place]],
                most_slices=num_slices,
                step=step,
            )
            for place in spread_over_order(len(volumes), num_cases)
        ),
        num_cases=len(volumes),
        step=step,
    )


def _case(
    prepared: PreparedSlices,
    volume: PreparedVolume,
    records: Sequence[VolumeRecord],
    dice: tuple[float | None, ...],
    *,
    most_slices: int,
    step: int,
) -> OutlinedCase:
    return outline_case(
        shown_slices(prepared, volume, step=step),
        reference_and_predictions(prepared, volume, records)[..., ::step, ::step],
        case=volume.case,
        patient=volume.patient,
        held_out=volume.held_out,
        dice=dice,
        targets=prepared.targets,
        most_slices=most_slices,
    )


def _thinning(volume: PreparedVolume) -> int:
    """Return every how many-th row and column of a slice is shown: all, if it is not large."""
    return -(-max(volume.plane.frame) // _MOST_PIXELS)
