"""Opens files by SimpleITK, with checks that ITK does not make.

ITK opens any file that a header names, ends the process on some file names, and reads damaged
voxels of some formats without an error. The header is therefore checked first, ITK sees the file
under a plain name in a folder of its own, and the voxels are checked to be complete.

ITK describes positions in LPS, where the first axis runs from right to left and the second from
anterior to posterior; mbnas uses RAS, where both run the other way.

Shape suffixes: K J I the axes of the file, slowest first, C channels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from mbnas.data.images.formats.file_geometry import LPS, file_geometry
from mbnas.data.images.formats.itk.stored_voxels import (
    check_nrrd_voxels,
    gipl_voxels,
    meta_image_voxels,
)
from mbnas.data.images.formats.itk.text_header import (
    TextHeader,
    read_meta_header,
    read_nrrd_header,
)
from mbnas.data.images.formats.raw_bytes import readable
from mbnas.data.images.volume import Header, Placement
from mbnas.errors import DatasetError

ITK_NAMES = {
    "NRRD": ("NrrdImageIO", ".nrrd"),
    "MetaImage": ("MetaImageIO", ".mha"),
    "GIPL": ("GiplImageIO", ".gipl"),
}
"""For each format: ITK's class, and the suffix of a file that has header and voxels."""

_NUMBER_TYPES = (
    *("UInt8", "Int8", "UInt16", "Int16", "UInt32", "Int32", "UInt64", "Int64"),
    *("Float32", "Float64"),
)
ITK_ERRORS = (RuntimeError, TypeError, ValueError, OverflowError)
_TEXT_FIELDS = ("space", "space dimension", "space directions", "space origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItkFile:
    """A file whose header SimpleITK has read.

    Attributes:
        path: The file.
        header: What is known of its voxels.
        format: Name of its format.
        text: Its text header; that of a GIPL file is none.
    """

    path: Path
    header: Header
    format: str
    text: TextHeader | None

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the voxels along the axes of the file."""
        i, j, k, channels = self.header.shape
        if self.format == "NRRD":
            voxels, has_vectors = self._by_itk()
        elif self.text is None:
            voxels, has_vectors = gipl_voxels(self.path, self.header), False
        else:
            voxels = meta_image_voxels(self.path, self.header, self.text)
            has_vectors = int(self.text.fields["NDims"]) < 4
        if not has_vectors:
            return voxels.reshape(channels, k, j, i).transpose(3, 2, 1, 0)
        return voxels.reshape(k, j, i, channels).transpose(2, 1, 0, 3)

    def _by_itk(self) -> tuple[Num[np.ndarray, "*axes"], bool]:
        """Return the voxels, and whether the channels are the last axis instead of the first."""
        assert self.text is not None
        check_nrrd_voxels(self.path, self.header, self.text)
        sitk = simple_itk(self.path)
        with _reader(sitk, self.path, self.format, self.text) as reader:
            image = reader.Execute()
        return np.asarray(_Voxels(sitk, image)), image.GetDimension() < 4

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return stored values: the formats have no scale that ITK applies."""
        return stored


def open_nrrd(path: Path) -> ItkFile:
    """Return an NRRD file with its header: ``.nrrd``, ``.nhdr``, or ``.seg.nrrd`` of 3D Slicer.

    Raises:
        DatasetError: if the header is invalid, or a segmentation has overlapping segments.
    """
    return _open(path, "NRRD", read_nrrd_header)


def open_meta_image(path: Path) -> ItkFile:
    """Return a MetaImage with its header: ``.mha``, or ``.mhd`` with a file beside it.

    Raises:
        DatasetError: if the header is invalid.
    """
    return _open(path, "MetaImage", read_meta_header)


def open_gipl(path: Path) -> ItkFile:
    """Return a GIPL file with its header, compressed by gzip or not.

    Raises:
        DatasetError: if the header is invalid.
    """
    return _open(path, "GIPL", None)


def simple_itk(path: Path) -> Any:
    """Return the module SimpleITK, which needs not be installed.

    Raises:
        DatasetError: if it is not.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise DatasetError(
            f"{path} needs SimpleITK, which is not installed. Install it with: pip install "
            "'mbnas[images]'"
        ) from error
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    return SimpleITK


def _open(
    path: Path,
    name: str,
    read_text: Callable[[Path, BufferedIOBase], TextHeader] | None,
) -> ItkFile:
    with readable(path) as stream:
        text = None if read_text is None else read_text(path, stream)
    sitk = simple_itk(path)
    with _reader(sitk, path, name, text) as reader:
        return ItkFile(
            path=path, header=_header(sitk, path, name, reader, text), format=name, text=text
        )


def _header(sitk: Any, path: Path, name: str, reader: Any, text: TextHeader | None) -> Header:
    """Return the header that ITK has read."""
    number_type = _number_type(sitk, path, reader.GetPixelID())
    if name != "NRRD":  # its voxels are read by ITK, in the order of the machine
        number_type = number_type.newbyteorder(">" if text is None else text.byte_order)
    size, num_channels = tuple(map(int, reader.GetSize())), int(reader.GetNumberOfComponents())
    num_axes = len(size)
    if num_axes == 4 and num_channels == 1:
        size, num_channels, num_axes = size[:3], size[3], 3
    if num_axes not in (2, 3) or min(*size, num_channels) < 1:
        raise DatasetError(
            f"{path} has shape {size} with {num_channels} channels: a volume has three axes and a "
            "slice has two, with at least one voxel along each."
        )
    if num_channels > 1 and any(key.startswith("Segment0_") for key in reader.GetMetaDataKeys()):
        raise DatasetError(
            f"{path} is a segmentation of 3D Slicer whose segments overlap, in {num_channels} "
            "layers: labels are one number for each voxel. Export it as a label map."
        )
    origin, spacing, direction = _position(reader, num_axes)
    i, j, k = (*size, 1)[:3]
    return Header(
        geometry=file_geometry(path, (i, j, k), lps_affine(origin, spacing, direction)),
        num_channels=num_channels,
        number_type=number_type,
        scale=None,
        placement=Placement(
            format=name,
            fields={
                "origin": origin,
                "spacing": spacing,
                "direction": direction,
                "text": {} if text is None else _text_fields(text, reader.GetDimension()),
            },
            num_axes=num_axes,
        ),
    )


def _position(reader: Any, num_axes: int) -> tuple[tuple[float, ...], ...]:
    """Return origin, spacing and direction along the axes of space."""
    direction = np.reshape(reader.GetDirection(), (reader.GetDimension(),) * 2)
    origin, spacing = reader.GetOrigin()[:num_axes], reader.GetSpacing()[:num_axes]
    return origin, spacing, tuple(map(float, direction[:num_axes, :num_axes].ravel()))


def _text_fields(text: TextHeader, num_axes: int) -> dict[str, str]:
    """Return the fields with the position in an NRRD header, as text.

    ITK splits a direction into a length and a unit vector, and their product can differ from it in
    the last digit.
    """
    directions = text.fields.get("space directions", "")
    is_complete = any(each in text.fields for each in ("space", "space dimension"))
    if num_axes not in (2, 3) or directions.count("(") != num_axes or not is_complete:
        return {}
    return {name: text.fields[name] for name in _TEXT_FIELDS if name in text.fields}


def lps_affine(
    origin: tuple[float, ...], spacing: tuple[float, ...], direction: tuple[float, ...]
) -> Float[np.ndarray, "4 4"]:
    """Return the affine in RAS of a position in LPS, with two axes or three.

    >>> lps_affine((5.0, 0.0), (2.0, 3.0), (1.0, 0.0, 0.0, 1.0))[0].tolist()
    [-2.0, 0.0, 0.0, -5.0]
    """
    num_axes = len(spacing)
    affine = np.eye(4)
    with np.errstate(all="ignore"):  # checked afterwards
        affine[:num_axes, :num_axes] = np.reshape(direction, (num_axes, num_axes)) * spacing
        affine[:num_axes, 3] = origin
        turned: np.ndarray = LPS @ affine
    return turned


def _number_type(sitk: Any, path: Path, pixel_id: int) -> np.dtype[Any]:
    names = {
        getattr(sitk, f"sitk{kind}{name}"): name.lower()
        for kind in ("", "Vector")
        for name in _NUMBER_TYPES
    }
    if pixel_id not in names:
        raise DatasetError(
            f"{path} holds {sitk.GetPixelIDValueAsString(pixel_id)} voxels: they must be integers "
            "or real numbers. Convert it to one of these."
        )
    return np.dtype(names[pixel_id])


class _Voxels:
    """The voxels of an image for NumPy, without a copy; the array keeps the image."""

    def __init__(self, sitk: Any, image: Any) -> None:
        self._image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__


@contextmanager
def _reader(sitk: Any, path: Path, name: str, text: TextHeader | None) -> Iterator[Any]:
    """Yield ITK's reader with the header of a file; every failure becomes a ``DatasetError``.

    ITK reads links to the file and to that of its voxels, in a folder with nothing else.
    """
    image_io, suffix = ITK_NAMES[name]
    with tempfile.TemporaryDirectory(prefix="mbnas-") as folder:
        try:
            is_packed = text is None and path.name.lower().endswith(".gz")
            link = Path(folder) / f".mbnas-header{suffix}{'.gz' if is_packed else ''}"
            link.symlink_to(path.absolute())
            if text is not None and text.data_file is not None:
                data = Path(folder) / text.data_file
                data.parent.mkdir(parents=True, exist_ok=True)
                data.symlink_to((path.parent / text.data_file).absolute())
            reader = sitk.ImageFileReader()
            reader.SetImageIO(image_io)
            reader.SetFileName(str(link))
            reader.ReadImageInformation()
            yield reader
        except (*ITK_ERRORS, OSError) as error:
            raise DatasetError(
                f"{path} has an invalid {name} header or damaged voxels ({_reason(error)}). Write "
                "the file again with another program."
            ) from error


def _reason(error: Exception) -> str:
    """Return the last line of an error of ITK, without the paths in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return last.rsplit("): ", 1)[-1][:120].rstrip(".")
