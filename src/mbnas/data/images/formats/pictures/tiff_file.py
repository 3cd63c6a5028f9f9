"""Reads TIFF by tifffile, and by Pillow what tifffile would need imagecodecs for.

A file holds one picture: reduced copies and masks of it are passed over, several pictures are
refused. Images whose smallest value is white are inverted, label maps are the stored numbers.

Shape suffixes: H rows, W columns, C channels, IJK axes of the file.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from jaxtyping import Num, Shaped
from PIL import TiffImagePlugin

from mbnas.data.images.formats.pictures.channels import check_opacity, coloured, colours
from mbnas.data.images.formats.pictures.orientation import (
    UPRIGHT,
    as_shown,
    orientation_or_upright,
    shown_size,
)
from mbnas.data.images.formats.raw_bytes import readable
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Header, Placement
from mbnas.errors import DatasetError

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # its errors become ours

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_NUM_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _YCBCR: 3}
_ALPHA = (1, 2)
_UNCOMPRESSED = 1
_WITHOUT_CODECS = (_UNCOMPRESSED, 8, 32773, 32946)
"""Compression by nothing, Deflate and PackBits, which tifffile decodes by itself."""
_ORIENTATION_TAG = 274


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffFile:
    """A TIFF whose header was read.

    Attributes:
        path: The file.
        header: What is known of its pixels.
        is_label: Whether it is read as a label map.
        orientation: How it is turned to be looked at.
    """

    path: Path
    header: Header
    is_label: bool
    orientation: int

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the pixels, columns first.

        Raises:
            DatasetError: if the file is damaged, or transparent in parts.
        """
        with _only_page(self.path) as page:
            samples_HWC = _shown_samples(self.path, page, self.orientation)
            palette = _palette(page)
            if palette is not None and not self.is_label:
                pixels_HWC = coloured(self.path, samples_HWC[..., 0], palette)
            else:
                pixels_HWC = samples_HWC[:, :, : self.header.num_channels]
                check_opacity(self.path, samples_HWC[:, :, self.header.num_channels :])
            if _photometric(page) == _WHITE_IS_ZERO and not self.is_label:
                pixels_HWC = (2**page.bitspersample - 1) - pixels_HWC
        return pixels_HWC.swapaxes(0, 1)[:, :, None].astype(self.header.number_type, copy=False)

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return stored values: pictures have no scale."""
        return stored


def open_tiff(path: Path, *, is_label: bool) -> TiffFile:
    """Return a TIFF with its header.

    Args:
        path: The file.
        is_label: Whether it is a label map, whose numbers are read, or an image.

    Raises:
        DatasetError: if the header is invalid, or its pixels cannot be read.
    """
    with _only_page(path) as page:
        number_type = np.dtype(page.dtype)
        if number_type.kind == "b" or (_photometric(page) == _PALETTE and not is_label):
            number_type = np.dtype(np.uint8)
        if number_type.kind not in "uif":
            raise DatasetError(
                f"{path} holds {number_type} values: they must be integers or real numbers. "
                "Convert it to one of these."
            )
        tag = page.tags.get(_ORIENTATION_TAG)
        orientation = UPRIGHT if tag is None else orientation_or_upright(int(tag.value))
        width, height = shown_size(page.imagewidth, page.imagelength, orientation)
        return TiffFile(
            path=path,
            header=Header(
                geometry=Geometry.picture(width, height),
                num_channels=_num_channels(page, is_label=is_label),
                number_type=number_type,
                scale=None,
                placement=Placement(format="TIFF", fields={}, num_axes=2),
            ),
            is_label=is_label,
            orientation=orientation,
        )


def _num_channels(page: Any, *, is_label: bool) -> int:
    palette = _palette(page)
    if palette is not None:
        return 1 if is_label else int(colours(palette).shape[1])
    num_alpha = sum(int(kind) in _ALPHA for kind in page.extrasamples)
    return int(page.samplesperpixel) - num_alpha


def _photometric(page: Any) -> int:
    return int(page.photometric)


def _palette(page: Any) -> np.ndarray | None:
    """Return the colours of a palette by index, with 8 bits; ``None`` without palette."""
    if _photometric(page) != _PALETTE:
        return None
    colormap_CI = np.asarray(page.colormap)
    divisor = 256 if colormap_CI.max() > 255 else 1
    return (colormap_CI // divisor).astype(np.uint8).T


def _checked_page(path: Path, tiff: Any) -> Any:
    """Return the only picture of a file, which is one that is read and has all its pixels."""
    whole = (page for page in tiff.pages if not (page.is_reduced or page.is_mask))
    page, *others = islice(whole, 2)
    if others or (count := _pictures_in(tiff, page)) > 1:
        raise DatasetError(_several(path, "several" if others else count))
    photometric, spp = _photometric(page), page.samplesperpixel
    num_alpha = sum(int(kind) in _ALPHA for kind in page.extrasamples)
    known = _NUM_COLOURS.get(photometric)
    if known is None or spp - num_alpha < known or (photometric == _PALETTE and spp != 1):
        raise DatasetError(
            f"{path} has colours of kind {getattr(page.photometric, 'name', photometric)} with "
            f"{spp} samples: mbnas reads greys, RGB and palettes. Convert it to RGB."
        )
    if min(page.imagewidth, page.imagelength) < 1 or page.dtype is None:
        raise DatasetError(f"{path} holds no pixels that can be read. Save it again.")
    if page.imagedepth != 1:
        raise DatasetError(_several(path, page.imagedepth))
    if num_alpha and any(int(kind) not in _ALPHA for kind in page.extrasamples[-num_alpha:]):
        raise DatasetError(
            f"{path} has its alpha channel before other channels. Save it without alpha."
        )
    check_complete(path, page)
    return page


def check_complete(path: Path, page: Any) -> None:
    """Check that the pixels of a page are within the file.

    Raises:
        DatasetError: if they are not.
    """
    num_bytes = path.stat().st_size
    segments = zip(page.dataoffsets, page.databytecounts, strict=False)
    if not page.dataoffsets or any(not 0 < n <= num_bytes - at for at, n in segments):
        raise DatasetError(
            f"{path} is truncated or damaged: it holds fewer pixels than its header promises. "
            "Copy or download it again."
        )


def _several(path: Path, count: int | str) -> str:
    return (
        f"{path} holds {count} pictures: a case is one picture. Save each page to a file, or, "
        "if they are the slices of a volume, write their spacing beside it as nnU-Net does."
    )


def _shown_samples(
    path: Path, page: Any, orientation: int
) -> Shaped[np.ndarray, "height width sample"]:
    """Return the samples of a page as they are shown, by the library that can decode them."""
    compression = int(page.compression)
    is_ycbcr = _photometric(page) == _YCBCR
    if not is_ycbcr and (compression in _WITHOUT_CODECS or _has_codecs()):
        samples = page.asarray(maxworkers=1)
        if page.axes == "SYX":
            samples = np.moveaxis(samples, 0, -1)
        return as_shown(np.atleast_3d(samples), orientation)
    if is_ycbcr and compression == _UNCOMPRESSED:
        raise DatasetError(f"{path} has colours of kind YCBCR without compression. Save it as RGB.")
    if np.dtype(page.dtype).kind not in "bu" or (
        page.bitspersample > 8 and page.samplesperpixel > 1
    ):
        raise DatasetError(
            f"{path} is compressed by {page.compression.name}, for which the package imagecodecs "
            "is needed: pip install imagecodecs. Or save it without compression."
        )
    return _by_pillow(path, page)


def _by_pillow(path: Path, page: Any) -> Shaped[np.ndarray, "height width sample"]:
    """Return the samples by Pillow, which turns them; that it inverts and scales is undone."""
    with path.open("rb") as stream:
        samples_HWC = np.atleast_3d(np.asarray(TiffImagePlugin.TiffImageFile(stream)))
    largest = 2**page.bitspersample - 1
    if page.bitspersample < 8 and _photometric(page) != _PALETTE:
        shown_largest = 1 if samples_HWC.dtype.kind == "b" else 255
        samples_HWC = (samples_HWC // (shown_largest // largest)).astype(np.uint8)
    return largest - samples_HWC if _photometric(page) == _WHITE_IS_ZERO else samples_HWC


def _has_codecs() -> bool:
    return find_spec("imagecodecs") is not None


@contextmanager
def _only_page(path: Path) -> Iterator[Any]:
    """Yield the only picture of a file; every failure becomes a :class:`DatasetError`."""
    with readable(path) as stream:
        if not stream.read(4).startswith(_MAGICS):
            raise DatasetError(f"{path} is not TIFF: it does not start as TIFF does. Convert it.")
    try:
        with warnings.catch_warnings(), tifffile.TiffFile(path) as tiff:
            warnings.simplefilter("ignore")
            yield _checked_page(path, tiff)
    except DatasetError:
        raise
    except Exception as error:  # tifffile raises many kinds for damaged files
        raise DatasetError(
            f"{path} is truncated or damaged ({error or type(error).__name__}). Copy or download "
            "it again."
        ) from error


def _pictures_in(tiff: Any, page: Any) -> int:
    """Return the number of pictures that ImageJ or tifffile note for one page."""
    if tiff.imagej_metadata:
        return int(tiff.imagej_metadata.get("images", 1))
    noted: list[dict[str, Any]] = list(tiff.shaped_metadata or ())
    shape = noted[0].get("shape", ()) if noted else ()
    return math.prod(map(int, shape)) // math.prod(page.shape) if shape else 1
