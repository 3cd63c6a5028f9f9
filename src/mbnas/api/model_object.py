"""A trained model of a study: its card, and predictions by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mbnas.actions.events import Watch
from mbnas.api.checked_arguments import checked
from mbnas.api.progress_lines import ProgressLines
from mbnas.errors import MbnasError
from mbnas.prediction.model.model_card import ModelCard, read_card
from mbnas.report.markup import element, fragment
from mbnas.report.tables.html_table import fact_table

if TYPE_CHECKING:
    from mbnas.prediction.predictor import Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What became of the cases that were to be predicted.

    >>> from pathlib import Path
    >>> Predictions(to=Path("labels"), predicted=("a", "b"), skipped=(), failed={}).predicted
    ('a', 'b')

    Attributes:
        to: The folder of the label maps, or the file.
        predicted: Names of the cases predicted now.
        skipped: Names of the cases predicted before.
        failed: Why the other cases failed, by name.
    """

    to: Path
    predicted: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model, which segments images.

    >>> import mbnas
    >>> model = mbnas.open("study").train(epochs=200)  # doctest: +SKIP
    >>> model.predict("imagesTs", "labels")  # doctest: +SKIP

    Attributes:
        folder: Where it is.
        card: What it is and what it learned from.
    """

    folder: Path
    card: ModelCard

    @classmethod
    @checked
    def open(cls, folder: str | Path) -> Model:
        """Return the model in a folder.

        Raises:
            ModelError: if there is none, or its card is damaged.
        """
        return cls(folder=Path(folder), card=read_card(Path(folder)))

    @checked
    def predictor(
        self,
        *,
        fold: int | None = None,
        device: str = "auto",
        tta: bool = False,
        keep_largest: bool = False,
        trust_modules: bool = False,
    ) -> Predictor:
        """Return a predictor of arrays and files, with the weights loaded.

        Args:
            fold: Use only the network that was not trained on this fold.
            device: As torch names it; ``auto`` is CUDA if available.
            tta: Whether to average over the flips that training used.
            keep_largest: Whether to keep only the largest component of each class.
            trust_modules: Whether the code of a user's own network may be run.

        Raises:
            ModelError: if the model is damaged or does not support the options.
        """
        from mbnas.prediction.predictor import Predictor

        return Predictor.load(
            self.folder,
            fold=fold,
            device=device,
            tta=tta,
            keep_largest=keep_largest,
            trust_modules=trust_modules,
        )

    @checked
    def predict(
        self,
        source: str | Path,
        target: str | Path,
        *,
        fold: int | None = None,
        device: str = "auto",
        tta: bool = False,
        keep_largest: bool = False,
        probabilities: bool = False,
        uncertainty: bool = False,
        overlay: bool = False,
        dicom_seg: bool = False,
        trust_modules: bool = False,
        workers: int = 1,
        overwrite: bool = False,
        watch: Watch | None = None,
    ) -> Predictions:
        """Write the label maps of an image or a folder, as ``mbnas predict`` does.

        Args:
            source: An image, or a folder of images or DICOM series.
            target: A file if ``source`` is one, otherwise a folder.
            fold: As for :meth:`predictor`.
            device: As for :meth:`predictor`.
            tta: As for :meth:`predictor`.
            keep_largest: As for :meth:`predictor`.
            probabilities: Whether to write the probabilities of all classes too.
            uncertainty: Whether to write their entropy too.
            overlay: Whether to draw a picture of every case.
            dicom_seg: Whether to write DICOM segmentations of DICOM series.
            trust_modules: As for :meth:`predictor`.
            workers: Cases to read and to write while one is predicted.
            overwrite: Whether other predictions in ``target`` are replaced.
            watch: Called with events; lines on standard error by default.

        Raises:
            MbnasError: if the model, the options or the files do not allow it, or no case could
                be predicted. Other cases that fail are in the result.
        """
        from mbnas.actions.predict_images import predict_images
        from mbnas.prediction.cases.prediction_options import PredictionOptions

        options = PredictionOptions(
            tta=tta,
            keep_largest=keep_largest,
            probabilities=probabilities,
            uncertainty=uncertainty,
            overlay=overlay,
            dicom_seg=dicom_seg,
        )
        counts, destination = predict_images(
            self.folder,
            Path(source),
            Path(target),
            options,
            watch=watch or ProgressLines(),
            fold=fold,
            device=device,
            trust_modules=trust_modules,
            workers=workers,
            overwrite=overwrite,
        )
        if counts.failed and not counts.predicted and not counts.skipped:
            case, reason = next(iter(counts.failed.items()))
            raise MbnasError(f"No case could be predicted, {case} for this reason: {reason}")
        return Predictions(
            to=destination.path,
            predicted=counts.predicted,
            skipped=counts.skipped,
            failed=dict(counts.failed),
        )

    def _repr_html_(self) -> str:
        """Return its card as a table."""
        card = self.card
        spacing = " × ".join(f"{each:g}" for each in card.spacing_mm)
        facts = [
            ("Network", card.network),
            ("Dataset", card.dataset),
            ("Channels", ", ".join(card.channels)),
            ("Classes", ", ".join(each.name for each in card.classes)),
            ("Side of slices", f"{card.input_size} pixels"),
            ("Median spacing", f"{spacing} {card.unit}"),
            ("Members", ", ".join(each.file for each in card.members)),
            ("Use", card.notice),
        ]
        return fragment(element("h4", str(self.folder)), fact_table(facts))
