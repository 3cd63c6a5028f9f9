"""``mbnas predict``: label maps of images, on the grids of the images."""

from __future__ import annotations

import argparse

from mbnas.actions.predict_images import predict_images
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.show.messages import note_reasons
from mbnas.cli.show.printing import console
from mbnas.cli.terminal import words
from mbnas.prediction.cases.predict_cases import CaseCounts
from mbnas.prediction.cases.prediction_options import Destination, PredictionOptions


def predict(arguments: argparse.Namespace) -> int:
    """Predict a file or a folder; return 1 if a case could not be predicted."""
    with EventDisplay() as display:
        counts, destination = predict_images(
            arguments.study,
            arguments.input,
            arguments.output,
            _options(arguments),
            watch=display,
            model=arguments.model,
            fold=arguments.fold,
            device=arguments.device,
            trust_modules=arguments.trust_module,
            workers=arguments.workers,
            overwrite=arguments.overwrite,
            only_onnx=arguments.onnx,
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
