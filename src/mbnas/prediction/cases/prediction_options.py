"""The options of a prediction, and the files that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbnas.data.images.file_names import IMAGE_NAMES, is_image, without_suffix
from mbnas.data.images.formats.registry import format_of
from mbnas.errors import UsageError
from mbnas.prediction.cases.input_cases import InputCase

RECORD = "prediction.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionOptions:
    """What to write for every case besides the label map.

    Attributes:
        tta: Whether to average over flipped slices.
        keep_largest: Whether to keep only the largest component of each class.
        probabilities: Whether to write the probabilities of all classes.
        uncertainty: Whether to write their entropy.
        overlay: Whether to draw the labels over the image.
    """

    tta: bool = False
    keep_largest: bool = False
    probabilities: bool = False
    uncertainty: bool = False
    overlay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFiles:
    """The files of one case; those not requested are ``None``.

    Attributes:
        labels: The label map.
        probabilities: Probabilities of all classes, in one file, background first.
        uncertainty: Their entropy.
        overlay: A picture.
    """

    labels: Path
    probabilities: Path | None
    uncertainty: Path | None
    overlay: Path | None

    @classmethod
    def of(cls, labels: Path, options: PredictionOptions) -> CaseFiles:
        """Return the files of the case whose label map is ``labels``."""
        stem = without_suffix(labels.name)
        map_suffix = format_of(labels).map_suffix

        def beside(ending: str, is_requested: bool) -> Path | None:
            return labels.with_name(f"{stem}_{ending}") if is_requested else None

        return cls(
            labels=labels,
            probabilities=beside(f"probabilities{map_suffix}", options.probabilities),
            uncertainty=beside(f"uncertainty{map_suffix}", options.uncertainty),
            overlay=beside("overlay.png", options.overlay),
        )

    @property
    def all(self) -> tuple[Path, ...]:
        """All requested files, the label map first."""
        files = (self.labels, self.probabilities, self.uncertainty, self.overlay)
        return tuple(each for each in files if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where predictions go: a folder, or a file for a single case.

    Attributes:
        path: The folder or the file.
        is_folder: Whether it is a folder.
    """

    path: Path
    is_folder: bool

    @classmethod
    def of(cls, path: Path, *, is_folder: bool) -> Destination:
        """Return the destination for a folder's predictions or a file's.

        Raises:
            UsageError: if the path or its name is of the other kind.
        """
        if is_folder and (path.is_file() or is_image(path.name)):
            raise UsageError(f"{path} is not a folder: predictions of a folder go to a folder.")
        if not is_folder and (path.is_dir() or not is_image(path.name)):
            raise UsageError(
                f"{path} cannot be a label map: the prediction of a file goes to a file named "
                f"{IMAGE_NAMES}."
            )
        if not is_folder and not (file_format := format_of(path)).holds_labels:
            raise UsageError(
                f"{path} cannot be a label map: {file_format.name} changes its numbers. Name it "
                f"{file_format.label_suffix}."
            )
        return cls(path=path, is_folder=is_folder)

    @property
    def record(self) -> Path:
        """The file with the record of predictions."""
        if self.is_folder:
            return self.path / RECORD
        return self.path.with_name(f"{without_suffix(self.path.name)}_{RECORD}")

    @property
    def folder(self) -> Path:
        """The folder of all files."""
        return self.path if self.is_folder else self.path.parent

    def files(self, case: InputCase, options: PredictionOptions) -> CaseFiles:
        """Return the files of a case."""
        if not self.is_folder:
            return CaseFiles.of(self.path, options)
        suffix = format_of(case.images[0]).label_suffix
        return CaseFiles.of(self.path / f"{case.name}{suffix}", options)
