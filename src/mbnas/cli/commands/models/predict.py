"""``mbnas predict``: label maps of images, on the grids of the images."""

from __future__ import annotations

import argparse

from mbnas.cli.show.messages import counting, note_reasons, warn
from mbnas.cli.show.printing import console
from mbnas.cli.terminal import words
from mbnas.data.images.file_names import passed_over_sentences
from mbnas.errors import ModelError, UsageError
from mbnas.prediction.cases.input_cases import find_cases
from mbnas.prediction.cases.predict_cases import CaseCounts, predict_cases
from mbnas.prediction.cases.prediction_options import Destination, PredictionOptions
from mbnas.prediction.cases.prediction_record import predictions_in
from mbnas.prediction.model.find_model import find_model
from mbnas.prediction.model.model_card import read_card
from mbnas.prediction.predictor import Predictor


def predict(arguments: argparse.Namespace) -> int:
    """Predict a file or a folder; return 1 if a case could not be predicted."""
    if arguments.workers < 1:
        raise UsageError(f"--workers (={arguments.workers}) must be 1 or more.")
    source, options = arguments.input, _options(arguments)
    destination = Destination.of(
        arguments.output, is_folder=source.is_dir(), dicom_seg=options.dicom_seg
    )
    folder = find_model(arguments.study, arguments.model)
    card = read_card(folder)
    if arguments.onnx and card.format != "onnx":
        raise ModelError(
            f"{folder} is not a model in ONNX format, which --onnx requires. Write one with: mbnas "
            f"export {arguments.study} --to onnx"
        )
    found = find_cases(source, len(card.channels), made=predictions_in(destination))
    for each in passed_over_sentences(found.passed_over):
        warn(each)
    predictor = Predictor.load(
        folder,
        fold=arguments.fold,
        device=arguments.device,
        tta=options.tta,
        keep_largest=options.keep_largest,
        trust_modules=arguments.trust_module,
    )
    with counting("Predicting") as progress:
        counts = predict_cases(
            predictor,
            found.cases,
            destination,
            options,
            workers=arguments.workers,
            overwrite=arguments.overwrite,
            progress=progress,
            warn=lambda case, concern: warn(f"{case}: {concern}"),
        )
    return _print(counts, destination)


def _options(arguments: argparse.Namespace) -> PredictionOptions:
    return PredictionOptions(
        tta=arguments.tta,
        keep_largest=arguments.keep_largest,
        probabilities=arguments.probabilities,
        uncertainty=arguments.uncertainty,
        overlay=arguments.overlay,
        dicom_seg=arguments.dicom_seg,
    )


def _print(counts: CaseCounts, destination: Destination) -> int:
    """Print how many cases were predicted, and return the exit status."""
    note_reasons(counts.failed, "predicted", f", for the reasons in {destination.record}")
    done = len(counts.predicted) + len(counts.skipped)
    before = f", {len(counts.skipped)} of them earlier" if counts.skipped else ""
    failed = f"; {len(counts.failed)} failed" if counts.failed else ""
    out = console()
    out.print(words(f"{done} predicted{before}{failed}: {destination.path}"))
    out.print("Research software, not a medical device.")
    return 1 if counts.failed else 0
