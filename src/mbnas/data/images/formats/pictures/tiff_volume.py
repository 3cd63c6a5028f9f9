"""TIFF files that are volumes: their spacing is in a JSON file beside them, as in nnU-Net.

``case.json`` with ``{"spacing": [z, y, x]}`` belongs to ``case.tif`` and to ``case_0000.tif``. A
TIFF without it is a picture. Columns run to the left, rows to the posterior and slices to the
superior, from the origin: TIFF has no place in a patient.

Source: nnU-Net v2, ``imageio/tif_reader_writer.py``.

Shape suffixes: K slices, H rows, W columns, C channels.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from jaxtyping import Num

from mbnas.data.images.file_names import CHANNEL_NAME, without_suffix
from mbnas.data.images.formats.file_geometry import file_geometry
from mbnas.data.images.formats.image_format import ImageFile
from mbnas.data.images.formats.pictures.picture_writer import check_one_slice, write_tiff
from mbnas.data.images.formats.pictures.tiff_file import check_complete, open_tiff
from mbnas.data.images.formats.raw_bytes import readable
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Header, Placement
from mbnas.errors import DatasetError
from mbnas.machine.files import replacing, write_text
from mbnas.version import RESEARCH_SOFTWARE

_KEY = "spacing"
_BLACK_IS_ZERO, _RGB = 1, 2
_TOGETHER = 1
"""Where the channels of a pixel are."""
_MAX_JSON_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffVolume:
    """A TIFF with several slices whose header was read.

    Attributes:
        path: The file.
        header: What is known of its voxels.
    """

    path: Path
    header: Header

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the voxels, columns first.

        Raises:
            DatasetError: if the file is damaged.
        """
        i, j, k, channels = self.header.shape
        with _opened(self.path) as tiff:
            voxels_KHWC = tiff.series[0].asarray(maxworkers=1).reshape(k, j, i, channels)
        voxels: np.ndarray = voxels_KHWC.transpose(2, 1, 0, 3)
        return voxels.astype(self.header.number_type, copy=False)

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return stored values: TIFF has no scale."""
        return stored


def open_tiff_image(path: Path) -> ImageFile:
    """Return a volume if there is a spacing beside the file, else a picture.

    Raises:
        DatasetError: if the file or its spacing cannot be read.
    """
    spacing_mm = spacing_beside(path)
    return open_tiff(path, is_label=False) if spacing_mm is None else _volume(path, spacing_mm)


def open_tiff_label(path: Path) -> ImageFile:
    """Return a label map that is a volume if there is a spacing beside the file, else a picture.

    Raises:
        DatasetError: if the file or its spacing cannot be read.
    """
    spacing_mm = spacing_beside(path)
    return open_tiff(path, is_label=True) if spacing_mm is None else _volume(path, spacing_mm)


def check_tiff_grid(path: Path, geometry: Geometry) -> None:
    """Check that a grid is that of a picture, or of a volume without a position.

    Raises:
        DatasetError: if it is not.
    """
    if geometry.unit == "pixels":
        check_one_slice(path, geometry, format_name="TIFF")
    elif not np.allclose(geometry.affine, _affine(_spacing_mm(geometry)), rtol=0, atol=1e-6):
        raise DatasetError(
            f"{path} cannot hold the position of its voxels: TIFF has none. Name it .nii.gz."
        )


def _spacing_mm(geometry: Geometry) -> tuple[float, float, float]:
    """Return the spacing of slices, rows and columns."""
    x, y, z = np.linalg.norm(np.asarray(geometry.affine)[:3, :3], axis=0).tolist()
    return z, y, x


def write_tiff_image(
    path: Path,
    array: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
) -> None:
    """Write a picture, or a volume with its spacing in a JSON file beside it.

    Raises:
        DatasetError: if :func:`check_tiff_grid` raises.
        WriteError: if a file cannot be written.
    """
    check_tiff_grid(path, geometry)
    if geometry.unit == "pixels":
        write_tiff(path, array, geometry, placement)
        return
    beside = path.with_name(f"{without_suffix(path.name)}.json")
    if beside.exists() and _spacing_in(beside) is None:
        raise DatasetError(f"{beside} exists and holds no spacing. Choose another destination.")
    write_text(beside, json.dumps({_KEY: _spacing_mm(geometry)}) + "\n")
    channels = array.shape[3] if array.ndim == 4 else 1
    voxels = array.swapaxes(0, 2)
    with replacing(path) as aside, aside.open("wb") as stream:
        tifffile.imwrite(
            stream,
            np.ascontiguousarray(voxels),
            photometric="minisblack",
            planarconfig="contig" if channels > 1 else None,
            compression="zlib",
            software=RESEARCH_SOFTWARE,
        )


def _volume(path: Path, spacing_mm: tuple[float, float, float]) -> TiffVolume:
    with _opened(path) as tiff:
        page, shape = tiff.pages[0], tiff.series[0].shape
        number_type = np.dtype(page.dtype)
        num_channels = int(page.samplesperpixel)
        height, width = int(page.imagelength), int(page.imagewidth)
        num_slices, rest = divmod(math.prod(shape), max(1, height * width * num_channels))
    if rest or number_type.kind not in "uif" or min(height, width, num_slices) < 1:
        raise DatasetError(
            f"{path} has pages of shape {shape} and type {number_type}: a volume is a stack of "
            "slices of one size, of integers or real numbers. Save it again."
        )
    return TiffVolume(
        path=path,
        header=Header(
            geometry=file_geometry(path, (width, height, num_slices), _affine(spacing_mm)),
            num_channels=num_channels,
            number_type=number_type,
            scale=None,
            placement=Placement(format="TIFF", fields={}),
        ),
    )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield a file with one stack of slices; every failure becomes a :class:`DatasetError`."""
    with readable(path):
        pass
    try:
        with warnings.catch_warnings(), tifffile.TiffFile(path) as tiff:
            warnings.simplefilter("ignore")
            _check_stack(path, tiff)
            yield tiff
    except DatasetError:
        raise
    except Exception as error:  # tifffile raises many kinds for damaged files
        what = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(
            f"{path} is truncated or damaged ({what}). Copy or download it again."
        ) from error


def _check_stack(path: Path, tiff: Any) -> None:
    if len(tiff.series) != 1 or any(
        int(page.photometric) not in (_BLACK_IS_ZERO, _RGB)
        or (page.samplesperpixel > 1 and int(page.planarconfig) != _TOGETHER)
        for page in tiff.pages
    ):
        raise DatasetError(
            f"{path} is no volume: its pages must be one stack of greys or of colours. Save it "
            "again."
        )
    for page in tiff.pages:
        check_complete(path, page)


def _affine(spacing_mm: tuple[float, float, float]) -> np.ndarray:
    z, y, x = spacing_mm
    return np.diag([-x, -y, z, 1.0])


def spacing_beside(path: Path) -> tuple[float, float, float] | None:
    """Return the spacing beside a file in mm, along slices, rows and columns; ``None`` without.

    Raises:
        DatasetError: if the spacing is damaged.
    """
    stem = without_suffix(path.name)
    match = CHANNEL_NAME.fullmatch(stem)
    for name in (stem, *([match["case"]] if match else [])):
        spacing_mm = _spacing_in(path.with_name(f"{name}.json"))
        if spacing_mm is not None:
            return spacing_mm
    return None


def _spacing_in(path: Path) -> tuple[float, float, float] | None:
    """Return the spacing in a JSON file; ``None`` if it is absent or has none."""
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            return None
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(facts, dict) or _KEY not in facts:
        return None
    match facts[_KEY]:
        case [int() | float() as z, int() | float() as y, int() | float() as x] if all(
            math.isfinite(each) and each > 0 for each in (z, y, x)
        ):
            return float(z), float(y), float(x)
    raise DatasetError(
        f"{path} has a spacing that is not three positive numbers: those of slices, rows and "
        "columns. Correct it."
    )
