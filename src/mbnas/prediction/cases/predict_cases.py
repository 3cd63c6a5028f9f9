"""Predict cases one after another, each to its files; resume after an interruption."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mbnas.data.images.appearance import seen_channels
from mbnas.data.images.formats.dicom.segmentation_writer import Segment, write_segmentation
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Volume
from mbnas.data.images.write import write_label, write_map
from mbnas.errors import DatasetError, MbnasError, WriteError
from mbnas.machine.files import ready_folder, write_bytes
from mbnas.machine.processes import ProgressCallback
from mbnas.prediction.cases.input_cases import InputCase
from mbnas.prediction.cases.overlay_picture import draw_overlay
from mbnas.prediction.cases.pipeline import overlapped
from mbnas.prediction.cases.prediction_options import (
    CaseFiles,
    Destination,
    PredictionOptions,
    refuse_other_images,
)
from mbnas.prediction.cases.prediction_record import open_record
from mbnas.prediction.image_warnings import image_warnings
from mbnas.prediction.predictor import Predictor, Segmentation

Warn = Callable[[str, str], None]
"""Called with a case's name and a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCounts:
    """The results of all cases.

    Attributes:
        predicted: Names of the cases predicted now.
        skipped: Names of the cases predicted before.
        failed: Errors of the other cases, by name.
    """

    predicted: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    volume: Volume
    segmentation: Segmentation
    began: float


def predict_cases(
    predictor: Predictor,
    cases: tuple[InputCase, ...],
    destination: Destination,
    options: PredictionOptions,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    warn: Warn | None = None,
) -> CaseCounts:
    """Predict the cases that are not predicted yet; a failed case does not stop the others.

    Args:
        predictor: Loaded with the same options.
        cases: The cases to predict.
        destination: Where predictions go.
        options: What to write for each case.
        workers: Number of cases that are read, and written, while one is predicted.
        overwrite: Whether existing files may be replaced.
        progress: Called after each case.
        warn: Called for images that differ from those of training.

    Raises:
        UsageError: if a file would be replaced that may not be, or if a DICOM segmentation of
            another image is requested.
        DatasetError: if the file of a single case cannot hold its label map.
        WriteError: if the destination cannot be written; finished predictions are kept.
    """
    if options.dicom_seg:
        refuse_other_images(cases)
    else:
        destination.check_holds(cases[0])
    record = open_record(destination, predictor.card, options, cases, overwrite=overwrite)
    files = {case.name: destination.files(case, options) for case in cases}
    skipped = tuple(case.name for case in cases if record.is_done(case, files[case.name]))
    left = [case for case in cases if case.name not in skipped]
    ready_folder(destination.folder)
    record.begin()
    if progress is not None:
        progress(len(skipped), len(cases))
    predicted: list[str] = []
    failed: dict[str, str] = {}
    for case, outcome in overlapped(
        left,
        partial(_read, predictor),
        partial(_segment, predictor, options),
        partial(_write, predictor, options, files),
        workers=workers,
    ):
        if isinstance(outcome, WriteError) and outcome.of_place:
            raise outcome  # no other case could be written
        if isinstance(outcome, MbnasError):
            failed[case.name] = str(outcome)
            record.enter(case, status="failed", error=str(outcome))
        else:
            predicted.append(case.name)
            found = image_warnings(predictor.card, outcome.geometry)
            record.enter(case, status="predicted", **_facts(outcome, files[case.name], found))
            for warning in found:
                if warn is not None:
                    warn(case.name, warning)
        if progress is not None:
            progress(len(skipped) + len(predicted) + len(failed), len(cases))
    return CaseCounts(predicted=tuple(predicted), skipped=skipped, failed=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    geometry: Geometry
    seconds: float


def _read(predictor: Predictor, case: InputCase) -> Volume:
    try:
        return predictor.read(case.images)
    except MemoryError as error:
        raise DatasetError(f"{case.images[0]} does not fit into memory. Cut it.") from error


def _segment(
    predictor: Predictor, options: PredictionOptions, case: InputCase, volume: Volume
) -> _Made:
    began = time.monotonic()
    segmentation = predictor.segment(
        volume.voxels,
        volume.geometry,
        probabilities=options.probabilities,
        uncertainty=options.uncertainty,
    )
    return _Made(volume=volume, segmentation=segmentation, began=began)


def _write(
    predictor: Predictor,
    options: PredictionOptions,
    files: dict[str, CaseFiles],
    case: InputCase,
    made: _Made,
) -> _Written:
    """Write a case's files; the label map is last, so that it exists only with the others."""
    volume, segmentation, to = made.volume, made.segmentation, files[case.name]
    geometry, placement = volume.geometry, volume.placement
    if to.probabilities is not None and segmentation.probabilities_XYZK is not None:
        write_map(to.probabilities, segmentation.probabilities_XYZK, geometry, placement)
    if to.uncertainty is not None and segmentation.uncertainty_XYZ is not None:
        write_map(to.uncertainty, segmentation.uncertainty_XYZ, geometry, placement)
    if to.overlay is not None:
        picture = draw_overlay(
            seen_channels(volume.voxels, geometry.unit),
            segmentation.labels_XYZ,
            geometry.spacing_mm,
            unit=geometry.unit,
            slice_axis=predictor.card.slice_axis,
            names=predictor.card.labels.label_names,
            title=case.name,
        )
        content = io.BytesIO()
        picture.save(content, format="PNG")
        write_bytes(to.overlay, content.getvalue())
    labels_XYZ = predictor.labels(segmentation)
    if options.dicom_seg:
        segments = [Segment(name=each.name, values=each.labels) for each in predictor.card.classes]
        write_segmentation(to.labels, labels_XYZ, geometry, case.images, segments)
    else:
        write_label(to.labels, labels_XYZ, geometry, placement)
    return _Written(geometry=geometry, seconds=time.monotonic() - made.began)


def _facts(written: _Written, files: CaseFiles, warnings: tuple[str, ...]) -> dict[str, object]:
    return {
        "files": [each.name for each in files.all],
        "shape": list(written.geometry.shape_xyz),
        "spacing_mm": list(written.geometry.spacing_mm),
        "unit": written.geometry.unit,
        "warnings": list(warnings),
        "seconds": round(written.seconds, 3),
    }
