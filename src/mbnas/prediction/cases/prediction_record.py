"""The record of predictions in a folder: their model, their options, and each case.

It is written before the first case and after each case, so that the same command can resume after
an interruption, and predictions of two models never mix in one folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mbnas.data.images.file_names import SUFFIXES
from mbnas.errors import UsageError
from mbnas.machine.files import write_text, writing
from mbnas.prediction.cases.input_cases import InputCase
from mbnas.prediction.cases.prediction_options import (
    DICOM_SUFFIX,
    CaseFiles,
    Destination,
    PredictionOptions,
)
from mbnas.prediction.model.model_card import ModelCard
from mbnas.version import __version__

FORMAT_VERSION = 1
_ENDINGS = (*SUFFIXES, DICOM_SUFFIX)


@dataclass(slots=True, kw_only=True)
class PredictionRecord:
    """The record of the predictions in one destination.

    Attributes:
        path: Its file.
        model: Identifies the model and its members.
        options: The options of the prediction.
        notice: The permitted use of the predictions.
        cases: The result of each case, by name.
        files: Names of all predictions, including those not yet written.
        former: Files of an earlier record that this one replaces.
    """

    path: Path
    model: Mapping[str, Any]
    options: Mapping[str, bool]
    notice: str
    cases: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    former: tuple[Path, ...] = ()

    def begin(self) -> None:
        """Remove the files that are replaced, and write the record."""
        for path in self.former:
            with writing(path):
                path.unlink(missing_ok=True)
        self.write()

    def is_done(self, case: InputCase, files: CaseFiles) -> bool:
        """Return whether a case was predicted from the same images and all its files exist."""
        known = self.cases.get(case.name)
        return (
            isinstance(known, dict)
            and known.get("status") == "predicted"
            and known.get("images") == images_of(case)
            and all(each.exists() for each in files.all)
        )

    def enter(self, case: InputCase, **facts: object) -> None:
        """Record the result of a case."""
        self.cases[case.name] = {"images": images_of(case), **facts}
        self.write()

    def write(self) -> None:
        """Write the file atomically."""
        values = {
            "format_version": FORMAT_VERSION,
            "notice": self.notice,
            "mbnas": __version__,
            "model": self.model,
            "options": self.options,
            "files": list(self.files),
            "cases": self.cases,
        }
        write_text(self.path, json.dumps(values, indent=1) + "\n")


def open_record(
    destination: Destination,
    card: ModelCard,
    options: PredictionOptions,
    cases: tuple[InputCase, ...],
    *,
    overwrite: bool,
) -> PredictionRecord:
    """Return the record to continue with; it is not written yet.

    Args:
        destination: Where predictions go.
        card: The model's card, with the members that predict.
        options: The options of the prediction.
        cases: All cases to predict.
        overwrite: Whether predictions of another model or options, and other files, may be
            replaced.

    Raises:
        UsageError: if a file would be replaced that may not be.
    """
    record = PredictionRecord(
        path=destination.record,
        model=model_identity(card),
        options=asdict(options),
        notice=card.notice,
    )
    targets = [path for case in cases for path in destination.files(case, options).all]
    record.files = tuple(sorted({path.name for path in targets}))
    _spare_images(targets, cases)
    there = _read(destination.record)
    if overwrite:
        record.former = _files_of(there, destination, cases) if there else ()
        return record
    if there is None:
        if (taken := next((each for each in targets if each.exists()), None)) is not None:
            raise UsageError(
                f"{taken} exists already, and {destination.record.name} does not list it as a "
                "prediction. Choose another destination, or add --overwrite."
            )
        return record
    if differences := _differences(there, record):
        raise UsageError(
            f"{destination.path} holds predictions made differently: {'; '.join(differences)}. "
            "Choose another destination, or replace them with --overwrite."
        )
    record.cases.update(there["cases"])
    record.files = tuple(sorted({*record.files, *_names_in(there)}))
    return record


def predictions_in(destination: Destination) -> tuple[Path, ...]:
    """Return the files that a record lists as predictions, finished or planned."""
    there = _read(destination.record)
    return tuple(destination.folder / name for name in _names_in(there)) if there else ()


def model_identity(card: ModelCard) -> dict[str, Any]:
    """Return what identifies a model."""
    return {
        "network": card.network,
        "dataset": card.dataset,
        "channels": list(card.channels),
        "classes": [each.to_json() for each in card.classes],
        "format": card.format,
        "card_sha256": hashlib.sha256(card.to_json().encode()).hexdigest(),
        "members": [
            {"file": each.file, "sha256": each.sha256, "fold": each.fold} for each in card.members
        ],
        "versions": dict(card.versions),
    }


def images_of(case: InputCase) -> list[dict[str, Any]]:
    """Return facts of a case's images that show whether they have changed.

    A DICOM series is one entry for all its files: it may have hundreds.
    """
    if case.is_series:
        return [_of_series(case)]
    found: list[dict[str, Any]] = []
    for path in case.images:
        try:
            status = path.stat()
        except OSError:
            found.append({"file": path.name, "bytes": None, "modified_ns": None})
        else:
            size, modified_ns = status.st_size, status.st_mtime_ns
            found.append({"file": path.name, "bytes": size, "modified_ns": modified_ns})
    return found


def _of_series(case: InputCase) -> dict[str, Any]:
    folder = os.path.commonpath([path.parent for path in case.images])
    facts: dict[str, Any] = {"file": Path(folder).name, "files": len(case.images)}
    try:
        states = [path.stat() for path in case.images]
    except OSError:
        return {**facts, "bytes": None, "modified_ns": None}
    size, modified_ns = (
        sum(each.st_size for each in states),
        max(each.st_mtime_ns for each in states),
    )
    return {**facts, "bytes": size, "modified_ns": modified_ns}


def _read(path: Path) -> dict[str, Any] | None:
    """Return a record's content; ``None`` if it is absent or not usable."""
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_ours = isinstance(facts, dict) and facts.get("format_version") == FORMAT_VERSION
    parts = ("model", "options", "cases")
    return facts if is_ours and all(isinstance(facts.get(each), dict) for each in parts) else None


def _files_of(
    there: Mapping[str, Any], destination: Destination, cases: tuple[InputCase, ...]
) -> tuple[Path, ...]:
    """Return the listed files that can be predictions."""
    images = {os.path.realpath(path) for case in cases for path in case.images}
    paths = (destination.folder / name for name in _names_in(there))
    return tuple(path for path in paths if os.path.realpath(path) not in images)


def _names_in(there: Mapping[str, Any]) -> list[str]:
    """Return the listed names that can be those of predictions."""
    lists = [there.get("files"), *(_part(case, "files") for case in there["cases"].values())]
    names = {
        name
        for listed in lists
        if isinstance(listed, list)
        for name in listed
        if isinstance(name, str) and Path(name).name == name and name.lower().endswith(_ENDINGS)
    }
    return sorted(names)


def _part(facts: object, key: str) -> object:
    return facts.get(key) if isinstance(facts, dict) else None


def _differences(there: Mapping[str, Any], here: PredictionRecord) -> list[str]:
    """Return how existing predictions were made differently, as text."""
    found = []
    if there["model"] != here.model:
        network = there["model"].get("network")
        same = network == here.model["network"]
        found.append(
            "by other weights or another preparation" if same else f"by the network {network}"
        )
    found += [
        f"{'with' if there['options'].get(name) else 'without'} --{name.replace('_', '-')}"
        for name, value in here.options.items()
        if there["options"].get(name) != value
    ]
    return found


def _spare_images(targets: list[Path], cases: tuple[InputCase, ...]) -> None:
    """Raise if a prediction would replace an image."""
    images = {os.path.realpath(path) for case in cases for path in case.images}
    for target in targets:
        if os.path.realpath(target) in images:
            raise UsageError(
                f"{target} is an image to predict, which its prediction would replace. "
                "Choose another destination for predictions."
            )
