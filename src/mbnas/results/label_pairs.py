"""Label maps on disk and their references, paired by name and measured in several processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from mbnas.data.datasets.label_scheme import IGNORED, MAX_CLASSES, LabelScheme
from mbnas.data.images.file_names import (
    PassedOver,
    is_picture,
    without_suffix,
)
from mbnas.data.images.geometry import Unit, aligned
from mbnas.data.images.image_folder import images_in
from mbnas.data.images.integer_labels import scale_remark
from mbnas.data.images.read import read_header, read_label
from mbnas.errors import DatasetError
from mbnas.machine.processes import ProgressCallback, map_in_processes
from mbnas.results.prediction_scores import PredictionScores, prediction_scores
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.scoring.surface_distance import measure

_LABEL_FOLDERS = ("labelsTr", "labelsTs")
_ACCOMPANYING = ("_probabilities", "_uncertainty", "_overlay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prediction and its reference.

    Attributes:
        case: Their common name, without suffix.
        prediction: Path of a label map.
        reference: Path of its reference.
    """

    case: str
    prediction: Path
    reference: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The pairs in two folders, and the files without a partner.

    Attributes:
        both: Cases in both, sorted by name.
        missing: Names of references without a prediction.
        without_reference: Names of predictions without a reference.
        passed_over: Files in either folder that look like images and cannot be read.
    """

    both: tuple[Pair, ...]
    missing: tuple[str, ...] = ()
    without_reference: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


def find_pairs(predictions: Path, references: Path) -> Pairs:
    """Return the pairs of predictions and references with the same name.

    Args:
        predictions: A label map, or a folder of them.
        references: A label map if the predictions are one, else a folder.

    Raises:
        DatasetError: if one is absent, one is a file and the other a folder, or no name is in
            both.
    """
    for path in (predictions, references):
        if not path.exists():
            raise DatasetError(f"{path} does not exist. Give a label map, or a folder of them.")
    if predictions.is_dir() != references.is_dir():
        raise DatasetError(
            f"{predictions} and {references} are a file and a folder. Give two files or two "
            "folders."
        )
    if not predictions.is_dir():
        case = without_suffix(predictions.name)
        return Pairs(both=(Pair(case=case, prediction=predictions, reference=references),))
    (found, unread), (truth, unread_truth) = _label_maps(predictions), _label_maps(references)
    both = sorted(found.keys() & truth.keys())
    if not both:
        raise DatasetError(
            f"No label map in {predictions} has the name of one in {references}: a prediction must "
            f"have the name of its reference. {_remedy(references)}"
        )
    without_reference = sorted(found.keys() - truth.keys())
    return Pairs(
        both=tuple(Pair(case=n, prediction=found[n], reference=truth[n]) for n in both),
        missing=tuple(sorted(truth.keys() - found.keys())),
        without_reference=tuple(
            each for each in without_reference if not _accompanies_label_map(each, found)
        ),
        passed_over=unread + unread_truth,
    )


def _remedy(references: Path) -> str:
    """Return what to do if no name is in both folders: datasets have their labels in a folder."""
    labels = references / "labelsTr"
    if labels.is_dir():
        return f"The label maps of this dataset are in {labels}: give that folder."
    return "Rename them, or give other folders."


def declared_beside(references: Path) -> Path | None:
    """Return the dataset to which reference label maps belong; ``None`` if they are in none.

    A dataset has its label maps in ``labelsTr`` or ``labelsTs``, beside its ``dataset.json``.

    Args:
        references: A label map, or a folder of them.
    """
    folder = references if references.is_dir() else references.parent
    root = folder.resolve().parent
    is_of_dataset = folder.resolve().name in _LABEL_FOLDERS and (root / "dataset.json").is_file()
    return root if is_of_dataset else None


def evaluate_pairs(
    pairs: Pairs,
    labels: LabelScheme | None = None,
    *,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> PredictionScores:
    """Return the scores of predictions; a case that cannot be measured does not stop the others.

    Args:
        pairs: Predictions with their references.
        labels: The declared labels; by default every label value found is a class.
        workers: Number of processes.
        progress: Called after each case.

    Raises:
        DatasetError: if no case can be measured, with the reason of the first, or if references
            are both volumes and pictures.
    """
    outcomes = map_in_processes(
        partial(_outcome, labels=labels), pairs.both, workers=workers, progress=progress
    )
    of_cases = {pair.case: found for pair, found in zip(pairs.both, outcomes, strict=True)}
    failed = {case: found for case, found in of_cases.items() if isinstance(found, str)}
    if failed and len(failed) == len(of_cases):
        others = f" None of the {len(failed)} cases can be measured." if len(failed) > 1 else ""
        raise DatasetError(next(iter(failed.values())) + others)
    return prediction_scores(
        {case: found for case, found in of_cases.items() if not isinstance(found, str)},
        None if labels is None else labels.classes,
        missing=pairs.missing,
        without_reference=pairs.without_reference,
        failed=failed,
        passed_over=pairs.passed_over,
        unit=_unit(pairs),
    )


def _unit(pairs: Pairs) -> Unit:
    """Return what lengths are measured in: the references are all volumes, or all pictures."""
    units: dict[Unit, Path] = {}
    for pair in pairs.both:
        units.setdefault(_unit_of(pair.reference), pair.reference)
    if len(units) > 1:
        raise DatasetError(
            f"{units['mm']} is a volume with lengths in mm and {units['pixels']} a picture with "
            "lengths in pixels, of which there is no mean. Evaluate them apart."
        )
    return next(iter(units))


def _unit_of(reference: Path) -> Unit:
    """Return what lengths of a label map are measured in; a TIFF may be a volume."""
    if not is_picture(reference.name):
        return "mm"
    try:
        return read_header(reference).geometry.unit
    except DatasetError:  # which measuring it raises
        return "pixels"


def _outcome(pair: Pair, *, labels: LabelScheme | None) -> dict[int, ClassMetrics] | str:
    """Return a pair's metrics, or the reason why there are none."""
    try:
        return measure_pair(pair, labels=labels)
    except DatasetError as error:
        return str(error)


def measure_pair(pair: Pair, *, labels: LabelScheme | None = None) -> dict[int, ClassMetrics]:
    """Return the metrics of each class or region, by its value in label maps.

    Args:
        pair: The two files.
        labels: The declared labels; by default every label value in either file is a class.

    Raises:
        DatasetError: if a file cannot be read or is not a label map, the two are on different
            grids, or a label is not allowed.
    """
    prediction_XYZ, grid = read_label(pair.prediction)
    reference_XYZ, reference_grid = read_label(pair.reference)
    if difference := grid.difference_from(reference_grid):
        raise DatasetError(
            f"{pair.prediction} is not on the grid of {pair.reference}: {difference}. Resample the "
            "prediction onto its reference, or correct the wrong header."
        )
    prediction_XYZ = aligned(prediction_XYZ, grid, reference_grid)
    known = None if labels is None else frozenset(labels.values)
    values = label_values_of(prediction_XYZ, pair.prediction, known)
    known = None if labels is None else frozenset(labels.declared[1:])
    values |= label_values_of(reference_XYZ, pair.reference, known)
    spacing_mm = reference_grid.spacing_mm
    if labels is None:
        return _of_values(prediction_XYZ, reference_XYZ, sorted(values), spacing_mm)
    targets = labels.targets
    metrics = measure(
        labels.prepared(prediction_XYZ),
        labels.prepared(reference_XYZ),
        num_classes=1 + targets.num_labels,
        spacing_mm=spacing_mm,
        regions=targets.regions,
        ignored=IGNORED if targets.ignores else None,
    )
    return dict(zip((each.value for each in labels.classes), metrics, strict=True))


def _of_values(
    prediction_XYZ: Integer[np.ndarray, "x y z"],
    reference_XYZ: Integer[np.ndarray, "x y z"],
    values: Sequence[int],
    spacing_mm: tuple[float, float, float],
) -> dict[int, ClassMetrics]:
    """Return the metrics of each label value."""
    numbers = {value: number for number, value in enumerate(values, start=1)}
    metrics = measure(
        _numbered(prediction_XYZ, numbers),
        _numbered(reference_XYZ, numbers),
        num_classes=max(2, 1 + len(values)),
        spacing_mm=spacing_mm,
    )
    return dict(zip(values, metrics, strict=False))


def label_values_of(
    labels_XYZ: Integer[np.ndarray, "x y z"], path: Path, known: frozenset[int] | None = None
) -> set[int]:
    """Return the values in a label map apart from 0.

    Args:
        labels_XYZ: The label map.
        path: Its file, for errors.
        known: Allowed values apart from 0; by default any.

    Raises:
        DatasetError: if a value is not allowed, or there are more than 255.
    """
    values: set[int] = set()
    for plane in labels_XYZ:
        values.update(np.unique(plane).tolist())
        if len(values) > MAX_CLASSES + 1:
            raise DatasetError(
                f"{path} holds more than {MAX_CLASSES} different values: it looks like an image, "
                "not a label map. Give label maps."
            )
    for value in values:
        if known is not None and value != 0 and value not in known:
            raise DatasetError(
                f"{path} holds label {value}, and the dataset declares "
                f"{', '.join(map(str, sorted(known)))}. Declare it, or correct the file."
                + scale_remark(read_header(path).scale)
            )
    return values - {0}


def _numbered(
    labels_XYZ: Integer[np.ndarray, "x y z"], numbers: Mapping[int, int]
) -> Integer[np.ndarray, "x y z"]:
    """Return a label map with every value replaced by its number."""
    numbered = np.zeros(labels_XYZ.shape, np.uint16)
    for value, number in numbers.items():
        numbered[labels_XYZ == value] = number
    return numbered


def _label_maps(folder: Path) -> tuple[dict[str, Path], tuple[PassedOver, ...]]:
    """Return a folder's images by name without suffix, and the files that are passed over."""
    names, passed_over = images_in(folder)
    found: dict[str, Path] = {}
    for file_name in names:
        name = without_suffix(file_name)
        if name in found:
            raise DatasetError(
                f"{folder} holds {name} as {found[name].name} and as {file_name}: a case has one "
                "label map. Remove one."
            )
        found[name] = folder / file_name
    return found, passed_over


def _accompanies_label_map(name: str, found: Mapping[str, Path]) -> bool:
    """Whether a file is not a label map but was written with one by ``mbnas predict``."""
    return any(name.removesuffix(each) in found for each in _ACCOMPANYING if name.endswith(each))
