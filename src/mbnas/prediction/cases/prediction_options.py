"""The options of a prediction, and the files that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbnas.data.images.file_names import (
    HEADER_SUFFIXES,
    is_image,
    suffix_of,
    without_suffix,
)
from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.read import read_header
from mbnas.errors import UsageError
from mbnas.prediction.cases.input_cases import InputCase

RECORD = "prediction.json"
DICOM_SUFFIX = ".dcm"
"""Of the segmentations that are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionOptions:
    """What to write for every case besides the label map.

    Attributes:
        tta: Whether to average over flipped slices.
        keep_largest: Whether to keep only the largest component of each class.
        probabilities: Whether to write the probabilities of all classes.
        uncertainty: Whether to write their entropy.
        overlay: Whether to draw the labels over the image.
        dicom_seg: Whether to write label maps of DICOM series as DICOM segmentations.
    """

    tta: bool = False
    keep_largest: bool = False
    probabilities: bool = False
    uncertainty: bool = False
    overlay: bool = False
    dicom_seg: bool = False


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
        is_dicom = labels.name.endswith(DICOM_SUFFIX)
        stem = labels.name.removesuffix(DICOM_SUFFIX) if is_dicom else without_suffix(labels.name)
        map_suffix = ".nii.gz" if is_dicom else format_of(labels).map_suffix

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


def refuse_other_images(cases: tuple[InputCase, ...]) -> None:
    """Check that all cases are DICOM, of which segmentations can be written.

    Raises:
        UsageError: if one is not.
    """
    for case in cases:
        if format_of(case.images[0]).name != "DICOM":
            raise UsageError(
                f"{case.images[0]} is not DICOM, and --dicom-seg writes segmentations of DICOM "
                "series. Leave it out."
            )


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
    def of(cls, path: Path, *, is_folder: bool, dicom_seg: bool = False) -> Destination:
        """Return the destination for a folder's predictions or a file's.

        Args:
            path: The folder or the file.
            is_folder: Whether it is a folder.
            dicom_seg: Whether label maps are DICOM segmentations.

        Raises:
            UsageError: if the path or its name is of the other kind.
        """
        if is_folder and (path.is_file() or is_image(path.name)):
            raise UsageError(f"{path} is not a folder: predictions of a folder go to a folder.")
        if not is_folder:
            _check_file(path, dicom_seg=dicom_seg)
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

    def check_holds(self, case: InputCase) -> None:
        """Check that the file of a single case can be its label map, by the header of its image.

        Raises:
            DatasetError: if its format cannot hold the grid, or the image cannot be read.
        """
        if not self.is_folder and (check_grid := format_of(self.path).check_grid) is not None:
            check_grid(self.path, read_header(case.images[0]).geometry)

    def files(self, case: InputCase, options: PredictionOptions) -> CaseFiles:
        """Return the files of a case."""
        if not self.is_folder:
            return CaseFiles.of(self.path, options)
        image = format_of(case.images[0])
        suffix = DICOM_SUFFIX if options.dicom_seg else image.label_suffix
        return CaseFiles.of(self.path / f"{case.name}{suffix}", options)


def _check_file(path: Path, *, dicom_seg: bool) -> None:
    """Check that the name of a file is that of a label map."""
    if dicom_seg:
        if path.is_dir() or not path.name.endswith(DICOM_SUFFIX):
            raise UsageError(
                f"{path} cannot be a DICOM segmentation: that of a file is named {DICOM_SUFFIX}."
            )
        return
    if path.is_dir() or not is_image(path.name):
        raise UsageError(
            f"{path} cannot be a label map: the prediction of a file goes to a file, with a suffix "
            "such as .nii.gz, .nrrd, .mha, .png or .tif."
        )
    file_format = format_of(path)
    if not file_format.holds_labels:
        raise UsageError(
            f"{path} cannot be a label map: {file_format.name} changes its numbers. Name it "
            f"{file_format.label_suffix}."
        )
    if suffix_of(path.name).lower() in HEADER_SUFFIXES:
        raise UsageError(
            f"{path} would be written as two files: name it {file_format.label_suffix}, which is "
            "one."
        )
