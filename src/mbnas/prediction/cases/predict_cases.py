"""Cases predicted one after the other, each to its files, and on after an interruption."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.nifti_writer import write_label, write_map
from mbnas.data.images.volume import Volume
from mbnas.errors import DatasetError, MbnasError, WriteError
from mbnas.machine.files import ready_folder, write_bytes
from mbnas.machine.processes import ProgressCallback
from mbnas.prediction.cases.input_cases import InputCase
from mbnas.prediction.cases.overlay_picture import draw_overlay
from mbnas.prediction.cases.pipeline import overlapped
from mbnas.prediction.cases.prediction_options import CaseFiles, Destination, PredictionOptions
from mbnas.prediction.cases.prediction_record import open_record
from mbnas.prediction.image_warnings import concerns_about
from mbnas.prediction.predictor import Predictor, Segmentation

Tell = Callable[[str, str], None]
"""Called with a case's name and what someone should know about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCounts:
    """What came of all cases.

    Attributes:
        predicted: Names of those predicted now.
        skipped: Of those that were predicted before.
        failed: Why others could not be, by name.
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
    warn: Tell | None = None,
) -> CaseCounts:
    """Predict what is not predicted yet; a case that cannot be is told of, and the others go on.

    Args:
        predictor: As the options ask for it.
        cases: What to predict.
        destination: Where to.
        options: What to write of each.
        workers: How many cases are read, and how many written, while one is predicted.
        overwrite: Whether what is there may be replaced.
        progress: Told of every case done.
        warn: Told of images that are unlike those of training.

    Raises:
        UsageError: if something would be replaced that may not be.
        WriteError: if nothing can be written there; what was predicted so far is kept.
    """
    record = open_record(destination, predictor.card, options, cases, overwrite=overwrite)
    files = {case.name: destination.files(case, options) for case in cases}
    skipped = tuple(case.name for case in cases if record.is_done(case, files[case.name]))
    left = [case for case in cases if case.name not in skipped]
    ready_folder(destination.folder)
    record.begin()
    report = progress or (lambda done, total: None)
    report(len(skipped), len(cases))
    predicted: list[str] = []
    failed: dict[str, str] = {}
    for case, outcome in overlapped(
        left,
        partial(_read, predictor),
        partial(_segment, predictor, options),
        partial(_write, predictor, files),
        workers=workers,
    ):
        if isinstance(outcome, WriteError) and outcome.of_place:
            raise outcome  # other cases would be predicted in vain
        if isinstance(outcome, MbnasError):
            failed[case.name] = str(outcome)
            record.enter(case, status="failed", error=str(outcome))
        else:
            predicted.append(case.name)
            concerns = concerns_about(predictor.card, outcome.geometry)
            record.enter(case, status="predicted", **_facts(outcome, files[case.name], concerns))
            for concern in concerns:
                if warn is not None:
                    warn(case.name, concern)
        report(len(skipped) + len(predicted) + len(failed), len(cases))
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
    predictor: Predictor, files: dict[str, CaseFiles], case: InputCase, made: _Made
) -> _Written:
    """Write a case's files; the label map last, so that where it is the others are."""
    volume, segmentation, to = made.volume, made.segmentation, files[case.name]
    geometry, placement = volume.geometry, volume.placement
    if to.probabilities is not None and segmentation.probabilities_XYZK is not None:
        write_map(to.probabilities, segmentation.probabilities_XYZK, geometry, placement)
    if to.uncertainty is not None and segmentation.uncertainty_XYZ is not None:
        write_map(to.uncertainty, segmentation.uncertainty_XYZ, geometry, placement)
    if to.overlay is not None:
        picture = draw_overlay(
            volume.voxels[0],
            segmentation.classes_XYZ,
            geometry.spacing_mm,
            slice_axis=predictor.card.slice_axis,
            names=tuple(each.name for each in predictor.card.classes),
            title=case.name,
        )
        content = io.BytesIO()
        picture.save(content, format="PNG")
        write_bytes(to.overlay, content.getvalue())
    write_label(to.labels, predictor.labels(segmentation), geometry, placement)
    return _Written(geometry=geometry, seconds=time.monotonic() - made.began)


def _facts(written: _Written, files: CaseFiles, concerns: tuple[str, ...]) -> dict[str, object]:
    return {
        "files": [each.name for each in files.all],
        "shape": list(written.geometry.shape_xyz),
        "spacing_mm": list(written.geometry.spacing_mm),
        "warnings": list(concerns),
        "seconds": round(written.seconds, 3),
    }
