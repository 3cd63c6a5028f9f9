"""Reads from DICOM files what a volume needs, and nothing that identifies a patient.

Errors never repeat what a file says, since it could be a name or a date of birth.
"""

from __future__ import annotations

import hashlib
import math
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbnas.data.images.formats.dicom.slice_stack import Slice
from mbnas.errors import DatasetError

MARK_AT = 128
MARK = b"DICM"

_TAGS = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality"),
    *("ImageType", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "ModalityLUTSequence"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SpacingBetweenSlices", "SliceThickness", "RescaleSlope", "RescaleIntercept"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
_NO_VOLUMES = ("SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "SR", "PR", "KO", "REG", "DOC")
_DEFLATED = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95")
_QUIET = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomHeader:
    """What is known of a file with slices.

    Attributes:
        file: The file.
        series: UID of its series.
        series_number: Number of the series, if the file gives one.
        modality: What made it, such as ``CT``.
        slices: Its frames, one or more; empty if they have no position in space.
        bits_allocated: Bits in which a value is stored.
        bits_stored: Bits that the value uses of them.
        is_signed: Whether values may be negative.
    """

    file: Path
    series: str
    series_number: int | None
    modality: str
    slices: tuple[Slice, ...]
    bits_allocated: int
    bits_stored: int
    is_signed: bool


class NoVolumeError(DatasetError):
    """A DICOM file is no part of a volume: a report, a scout, a structure set."""


def is_dicom(path: Path) -> bool:
    """Return whether a file has the mark of DICOM."""
    try:
        with path.open("rb") as file:
            return file.read(MARK_AT + len(MARK))[MARK_AT:] == MARK
    except OSError:
        return False


def pydicom_module(path: Path) -> Any:
    """Return the module pydicom, which needs not be installed.

    Raises:
        DatasetError: if it is not.
    """
    try:
        import pydicom
    except ImportError as error:
        raise DatasetError(
            f"{path} needs pydicom, which is not installed. Install it with: pip install "
            "'mbnas[images]'"
        ) from error
    return pydicom


@contextmanager
def quietly(path: Path) -> Iterator[None]:
    """Turn every failure to read a file into a ``DatasetError``; no warning is shown.

    pydicom raises errors of many kinds for damaged files, and its warnings repeat values.
    """
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist. Restore it.") from None
    except MemoryError:
        raise
    except OSError as error:
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from None
    except Exception as error:
        raise DatasetError(
            f"{path} is not a DICOM file, or it is damaged ({type(error).__name__}). Export it "
            "again."
        ) from None


def read_dataset(path: Path, *, tags: Sequence[str] | None = None, pixels: bool = False) -> Any:
    """Return the contents of a file, inside :func:`quietly`.

    Args:
        path: The file.
        tags: Names of what is read; by default everything.
        pixels: Whether to read pixels too.

    Raises:
        DatasetError: if pydicom is not installed, or the file is compressed as a whole: a few
            bytes could unpack to more than the memory holds.
    """
    pydicom = pydicom_module(path)
    meta = pydicom.filereader.read_file_meta_info(path)
    if str(meta.get("TransferSyntaxUID", "")) in _DEFLATED:
        raise DatasetError(f"{path} is deflated as a whole, which is not read. Save it otherwise.")
    return pydicom.dcmread(
        path, stop_before_pixels=not pixels, specific_tags=None if tags is None else list(tags)
    )


def read_dicom_header(path: Path) -> DicomHeader:
    """Return what a volume needs to know of a file.

    Raises:
        NoVolumeError: if the file is no part of a volume.
        DatasetError: if it cannot be read.
    """
    with quietly(path):
        return _header(path, read_dataset(path, tags=_TAGS))


def patient_digest(path: Path) -> str | None:
    """Return a digest that is equal for files of one patient; ``None`` if the file names none.

    It tells patients apart while a command runs, and is written nowhere.
    """
    with quietly(path):
        data = read_dataset(path, tags=("PatientID",))
        patient = str(data.get("PatientID", "") or "").strip()
        return hashlib.sha256(patient.encode(errors="replace")).hexdigest() if patient else None


def _header(path: Path, data: Any) -> DicomHeader:
    modality = str(data.get("Modality", ""))
    if "Rows" not in data or modality in _NO_VOLUMES:
        kind = f" but {modality}" if modality in _NO_VOLUMES else ""
        raise NoVolumeError(f"{path} is no image{kind}. Give a series of images.")
    if "LOCALIZER" in [str(each).upper() for each in data.get("ImageType", None) or ()]:
        raise NoVolumeError(f"{path} is a scout image. Give a series of slices.")
    if "SeriesInstanceUID" not in data:
        raise DatasetError(f"{path} has no UID of a series. Export it again.")
    samples = int(data.get("SamplesPerPixel", 1))
    if samples != 1 or "ModalityLUTSequence" in data:
        what = f"{samples} samples for each pixel" if samples != 1 else "a table of values"
        raise DatasetError(
            f"{path} has {what}: slices with one number for each pixel are read. Convert it."
        )
    allocated, stored = int(data.BitsAllocated), int(data.BitsStored)
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated:
        raise DatasetError(
            f"{path} stores {stored} of {allocated} bits for each pixel: 8, 16 or 32 are read. "
            "Convert it."
        )
    if int(data.get("HighBit", stored - 1)) != stored - 1:
        raise DatasetError(f"{path} stores pixels in the upper bits of a number. Convert it.")
    number = data.get("SeriesNumber", None)
    return DicomHeader(
        file=path,
        series=str(data.SeriesInstanceUID),
        series_number=None if number in (None, "") else int(number),
        modality=modality,
        slices=frame_slices(path, data),
        bits_allocated=allocated,
        bits_stored=stored,
        is_signed=int(data.get("PixelRepresentation", 0)) == 1,
    )


def frame_slices(path: Path, data: Any) -> tuple[Slice, ...]:
    """Return the slices of a file, frame by frame.

    Raises:
        DatasetError: if a frame has no position in space.
    """
    frames = data.get("PerFrameFunctionalGroupsSequence", None)
    num_frames = int(data.get("NumberOfFrames", None) or 1)
    if frames is None:
        if num_frames != 1:
            raise DatasetError(
                f"{path} has {num_frames} frames without positions in space. Convert it."
            )
        return (_slice(path, data, 0, (data,) * 4),)
    if len(frames) != num_frames:
        raise DatasetError(f"{path} has positions for other frames than it has. Export it again.")
    return tuple(
        _slice(path, data, number, tuple(functional_group(data, number, name) for name in _GROUPS))
        for number in range(num_frames)
    )


_GROUPS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
)


def functional_group(data: Any, frame: int, name: str) -> Any:
    """Return the item of a group of a frame, or of all frames; an empty one if there is none."""
    shared = data.get("SharedFunctionalGroupsSequence", None) or ()
    for each in (data.PerFrameFunctionalGroupsSequence[frame], *shared[:1]):
        if each.get(name, None):
            return each[name].value[0]
    return {}


def _slice(path: Path, data: Any, frame: int, groups: tuple[Any, ...]) -> Slice:
    at, turned, measures, values = groups
    position = _numbers(at, "ImagePositionPatient", 3)
    directions = _numbers(turned, "ImageOrientationPatient", 6)
    spacing = _numbers(measures, "PixelSpacing", 2)
    if position is None or directions is None or spacing is None or min(spacing) <= 0:
        raise DatasetError(
            f"{path} has no position in space: its header lacks ImagePositionPatient, "
            "ImageOrientationPatient or PixelSpacing. Give a series of slices."
        )
    lengths = (_number(measures, name) for name in ("SpacingBetweenSlices", "SliceThickness"))
    slope, intercept = (_number(values, f"Rescale{name}") for name in ("Slope", "Intercept"))
    return Slice(
        file=path,
        frame=frame,
        rows=int(data.Rows),
        columns=int(data.Columns),
        position_mm=position,
        directions=directions,
        spacing_mm=spacing,
        thickness_mm=next((each for each in lengths if each is not None and each > 0), None),
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
    )


def _numbers(data: Any, name: str, count: int) -> tuple[float, ...] | None:
    """Return finite numbers; ``None`` if there are not as many."""
    values = data.get(name, None)
    if values is None or isinstance(values, str | bytes) or len(values) != count:
        return None
    numbers = tuple(map(float, values))
    return numbers if all(map(math.isfinite, numbers)) else None


def _number(data: Any, name: str) -> float | None:
    value = data.get(name, None)
    return None if value in (None, "") else float(value)
