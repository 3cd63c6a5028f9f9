"""Reads PNG, JPEG and BMP by Pillow.

Pillow recognises a file by its contents; here, the name of a file decides, and a file with other
contents is refused. The memory that a picture needs is checked from its header, so Pillow's own
limit does not apply. Grey values of 2 and 4 bits are the stored numbers in label maps, and fill
the range to 255 in images. Pillow gives colours of 16 bits only as their higher or their lower
bytes, so these are read twice.

Shape suffixes: H rows, W columns, C channels, IJK axes of the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Num, Shaped
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin
from PIL.ImageFile import ImageFile as PillowImage

from mbnas.data.images.formats.pictures.channels import check_opacity, coloured, colours
from mbnas.data.images.formats.pictures.orientation import (
    UPRIGHT,
    as_shown,
    orientation_or_upright,
    shown_size,
)
from mbnas.data.images.formats.pictures.png_chunks import PngHeader, late_exif, png_header
from mbnas.data.images.formats.raw_bytes import readable
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Header, Placement
from mbnas.errors import DatasetError

PillowFormat = Literal["PNG", "JPEG", "BMP"]

_PLUGINS: dict[PillowFormat, Callable[..., PillowImage]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
_MAGICS: dict[PillowFormat, bytes] = {
    "PNG": b"\x89PNG\r\n\x1a\n",
    "JPEG": b"\xff\xd8\xff",
    "BMP": b"BM",
}
_OTHER_MAGICS = {
    **{magic: name for name, magic in _MAGICS.items()},
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
}
_CHANNELS = {"1": 1, "L": 1, "LA": 1, "I;16": 1, "I": 1, "RGB": 3, "RGBA": 3}
_WITH_ALPHA = ("LA", "RGBA")
_ORIENTATION_TAG = 274
_EXIF_KEYS = {"exif", "Raw profile type exif", "XML:com.adobe.xmp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PillowFile:
    """A picture whose header was read.

    Attributes:
        path: The file.
        header: What is known of its pixels.
        format: Its format.
        is_label: Whether it is read as a label map.
        orientation: How it is turned to be looked at, as EXIF numbers it.
        png: What is read from the header of a PNG; ``None`` for other formats.
    """

    path: Path
    header: Header
    format: PillowFormat
    is_label: bool
    orientation: int
    png: PngHeader | None

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the pixels, columns first.

        Raises:
            DatasetError: if the file is damaged, or transparent in parts.
        """
        with readable(self.path) as stream, _explained(self.path):
            if self.png is not None and self.png.is_deep_colour:
                pixels_HWC = self._deep_colours(stream)
            else:
                pixels_HWC = self._pixels(_opened(self.path, stream, self.format))
        shown_HWC = as_shown(pixels_HWC, self.orientation)
        return shown_HWC.swapaxes(0, 1)[:, :, None].astype(self.header.number_type, copy=False)

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return stored values: pictures have no scale."""
        return stored

    def _pixels(self, image: PillowImage) -> Shaped[np.ndarray, "height width channel"]:
        image.load()
        samples = np.asarray(image)
        if image.mode == "P":
            return samples[..., None] if self.is_label else self._of_palette(image, samples)
        pixels_HWC = np.atleast_3d(samples)
        if self.is_label and self.png is not None:
            pixels_HWC = pixels_HWC // self.png.grey_step
        return self._opaque(pixels_HWC, image.info.get("transparency"))

    def _of_palette(
        self, image: PillowImage, indices_HW: Shaped[np.ndarray, "height width"]
    ) -> Shaped[np.ndarray, "height width channel"]:
        """Return the colours of an image with a palette."""
        transparent = image.info.get("transparency")
        if transparent is not None:
            alpha_of = np.full(256, 255, np.uint8)
            if isinstance(transparent, bytes):
                alpha_of[: len(transparent)] = np.frombuffer(transparent, np.uint8)
            else:
                alpha_of[transparent] = 0
            check_opacity(self.path, alpha_of[indices_HW])
        return coloured(self.path, indices_HW, _palette(image))

    def _deep_colours(self, stream: BufferedIOBase) -> Shaped[np.ndarray, "height width channel"]:
        """Return the pixels of a PNG with 16 bits for each colour."""
        halves = []
        for order in ("B", "L"):
            stream.seek(0)
            image = _opened(self.path, stream, self.format)
            mode = "RGBA" if image.mode == "RGBA" else "RGB"
            image.tile = [tile._replace(args=f"{mode};16{order}") for tile in image.tile]
            image.load()
            halves.append(np.asarray(image).astype(np.uint16))
            key = image.info.get("transparency")
        high, low = halves
        return self._opaque(high << 8 | low, key)

    def _opaque(
        self, pixels_HWC: Shaped[np.ndarray, "height width channel"], key: object
    ) -> Shaped[np.ndarray, "height width channels_left"]:
        """Return pixels without their alpha channel, which must be the same everywhere.

        Args:
            pixels_HWC: All samples.
            key: The value that is transparent, if there is one; a label map may have it.
        """
        num_channels = self.header.num_channels
        if pixels_HWC.shape[2] > num_channels:
            check_opacity(self.path, pixels_HWC[:, :, num_channels:])
        elif key is not None and not self.is_label:
            key_C = np.asarray(key) * (self.png.grey_step if self.png is not None else 1)
            check_opacity(self.path, (pixels_HWC != key_C).any(axis=2).astype(np.uint8))
        return pixels_HWC[:, :, :num_channels]


def open_picture(path: Path, *, picture_format: PillowFormat, is_label: bool) -> PillowFile:
    """Return a picture with its header.

    Args:
        path: The file.
        picture_format: Its format, by its name.
        is_label: Whether it is a label map, whose numbers are read, or an image.

    Raises:
        DatasetError: if the header is invalid, or its pixels cannot be read.
    """
    with readable(path) as stream, _explained(path):
        png = png_header(path, stream) if picture_format == "PNG" else None
        image = _opened(path, stream, picture_format)
        is_deep = image.mode in ("I;16", "I") or (png is not None and png.is_deep_colour)
        orientation = _orientation(image, stream)
        width, height = shown_size(*image.size, orientation)
        return PillowFile(
            path=path,
            header=Header(
                geometry=Geometry.picture(width, height),
                num_channels=_num_channels(path, image, is_label=is_label),
                number_type=np.dtype(np.uint16 if is_deep else np.uint8),
                scale=None,
                placement=Placement(format=picture_format, fields={}, num_axes=2),
            ),
            format=picture_format,
            is_label=is_label,
            orientation=orientation,
            png=png,
        )


def refuse_jpeg_label(path: Path) -> PillowFile:
    """Raise a :class:`DatasetError`: JPEG changes the numbers of a label map."""
    raise DatasetError(
        f"{path} is JPEG, which changes the numbers of a label map. Save labels as .png. `mbnas "
        "dataset` does so with masks of two clear values."
    )


def opener(picture_format: PillowFormat, *, is_label: bool) -> Callable[[Path], PillowFile]:
    """Return the function that opens files of a format, as images or as label maps."""
    return partial(open_picture, picture_format=picture_format, is_label=is_label)


def _opened(path: Path, stream: BufferedIOBase, picture_format: PillowFormat) -> PillowImage:
    """Return Pillow's image of an opened file, whose pixels are not read yet."""
    stream.seek(0)
    start = stream.read(8)
    if not start.startswith(_MAGICS[picture_format]):
        other = next((name for magic, name in _OTHER_MAGICS.items() if start.startswith(magic)), "")
        remedy = f"It is {other}: name it so, or convert it." if other else "Convert it."
        raise DatasetError(
            f"{path} is not {picture_format}: it does not start as {picture_format} does. {remedy}"
        )
    stream.seek(0)
    image = _PLUGINS[picture_format](stream)
    num_frames = getattr(image, "n_frames", 1)
    if num_frames > 1:
        raise DatasetError(
            f"{path} holds {num_frames} pictures: a case is one picture. Save each to a file."
        )
    return image


def _num_channels(path: Path, image: PillowImage, *, is_label: bool) -> int:
    if image.mode == "P":
        return 1 if is_label else colours(_palette(image)).shape[1]
    if image.mode not in _CHANNELS:
        raise DatasetError(
            f"{path} has colours of mode {image.mode}: mbnas reads greys, RGB and palettes. "
            "Convert it to RGB."
        )
    return _CHANNELS[image.mode]


def _palette(image: PillowImage) -> np.ndarray:
    """Return the colours of the palette of a file, by index."""
    return np.array(image.getpalette(), np.uint8).reshape(-1, 3)


def _orientation(image: PillowImage, stream: BufferedIOBase) -> int:
    """Return how a picture is turned to be looked at; damaged EXIF is ignored, as viewers do."""
    if isinstance(image, PngImagePlugin.PngImageFile) and not image.info.keys() & _EXIF_KEYS:
        image.info["exif"] = late_exif(stream)  # for which Pillow would read all pixels
    try:
        exif = Image.Image.getexif(image)
    except Exception:  # Pillow raises many kinds
        return UPRIGHT
    return orientation_or_upright(exif.get(_ORIENTATION_TAG))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn any error of Pillow's into a :class:`DatasetError`.

    Its readers raise many kinds of errors for damaged files, and warn of what does not matter here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(
            f"{path} is truncated or damaged ({error}). Copy or download it again."
        ) from error
