"""Predictions of a file or a folder by a model of a study."""

from __future__ import annotations

from pathlib import Path

from mbnas.actions.events import Watch, counted_by, warning
from mbnas.data.images.file_names import passed_over_sentences
from mbnas.errors import ModelError, UsageError
from mbnas.prediction.cases.input_cases import check_exists, find_cases
from mbnas.prediction.cases.predict_cases import CaseCounts, predict_cases
from mbnas.prediction.cases.prediction_options import Destination, PredictionOptions
from mbnas.prediction.cases.prediction_record import predictions_in
from mbnas.prediction.model.find_model import find_model
from mbnas.prediction.model.model_card import read_card
from mbnas.prediction.predictor import Predictor


def predict_images(
    place: Path,
    source: Path,
    target: Path,
    options: PredictionOptions,
    *,
    watch: Watch,
    model: str | None = None,
    fold: int | None = None,
    device: str = "auto",
    trust_modules: bool = False,
    workers: int = 1,
    overwrite: bool = False,
    only_onnx: bool = False,
) -> tuple[CaseCounts, Destination]:
    """Predict a file or a folder, and return what became of its cases and where they are.

    Args:
        place: A study, or the folder of a model.
        source: An image, or a folder of images or DICOM series.
        target: A file if ``source`` is one, otherwise a folder.
        options: What to write for each case.
        watch: Told of the progress, and what a user should know of the images.
        model: Name of one of a study's models; the only one or ``best`` by default.
        fold: Use only the members that were not trained on this fold.
        device: As torch names it; ``auto`` is CUDA if available.
        trust_modules: Whether the code of a user's own network may be run.
        workers: Cases to read and to write while one is predicted.
        overwrite: Whether predictions of another model or with other options are replaced.
        only_onnx: Whether a model of another format is refused.

    Raises:
        MbnasError: if the model, the options or the files do not allow it. A single case that
            fails is counted instead.
    """
    if workers < 1:
        raise UsageError(f"--workers (={workers}) must be 1 or more.")
    check_exists(source)
    destination = Destination.of(target, is_folder=source.is_dir(), dicom_seg=options.dicom_seg)
    folder = find_model(place, model)
    card = read_card(folder)
    if only_onnx and card.format != "onnx":
        raise ModelError(
            f"{folder} is not a model in ONNX format, which --onnx requires. Write one with: mbnas "
            f"export {place} --to onnx"
        )
    warn = warning(watch)
    found = find_cases(source, len(card.channels), made=predictions_in(destination))
    for each in passed_over_sentences(found.passed_over):
        warn(each)
    predictor = Predictor.load(
        folder,
        fold=fold,
        device=device,
        tta=options.tta,
        keep_largest=options.keep_largest,
        trust_modules=trust_modules,
    )
    counts = predict_cases(
        predictor,
        found.cases,
        destination,
        options,
        workers=workers,
        overwrite=overwrite,
        progress=counted_by(watch, "predicting"),
        warn=lambda case, concern: warn(f"{case}: {concern}"),
    )
    return counts, destination
