"""Writes NRRD, MetaImage and GIPL files by SimpleITK.

A label map has exactly the position of its image: where numbers written by ITK could differ in the
last digit, as in NRRD, the fields of the image's header are copied as text.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from mbnas.data.images.file_names import HEADER_SUFFIXES
from mbnas.data.images.formats.file_geometry import LPS
from mbnas.data.images.formats.image_format import Write
from mbnas.data.images.formats.itk.itk_file import ITK_ERRORS, ITK_NAMES, simple_itk
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Placement
from mbnas.errors import DatasetError
from mbnas.machine.files import replacing
from mbnas.version import RESEARCH_SOFTWARE

_VECTOR = re.compile(r"\([^()]*\)")
_SPACES = ("space", "space dimension")


def itk_writer(name: str) -> Write:
    """Return the function that writes files of a format.

    Args:
        name: Name of the format, in :data:`~mbnas.data.images.formats.itk.itk_file.ITK_NAMES`.
    """

    def write(
        path: Path,
        array: Num[np.ndarray, "i j k *channel"],
        geometry: Geometry,
        placement: Placement | None,
    ) -> None:
        """Write a file with the position of a grid, or with the placement of another file.

        Raises:
            DatasetError: if the format cannot hold it.
            WriteError: if the file cannot be written.
        """
        if path.name.lower().endswith(HEADER_SUFFIXES):
            one_file = ITK_NAMES[name][1]
            raise DatasetError(
                f"{path} would be written as two files: name it {one_file}, which is one."
            )
        position = _of_grid(geometry) if placement is None else placement.fields
        if name == "GIPL":
            _check_gipl(path, position["direction"], array)
            array = _for_gipl(array)
        sitk = simple_itk(path)
        if placement is not None and placement.num_axes == 2:
            array = array[:, :, 0]
        num_axes = len(position["spacing"])
        array_KJIC = array.transpose(*reversed(range(num_axes)), *range(num_axes, array.ndim))
        with replacing(path) as aside:
            image = sitk.GetImageFromArray(array_KJIC, isVector=array.ndim > num_axes)
            image.SetOrigin(position["origin"])
            image.SetSpacing(position["spacing"])
            image.SetDirection(position["direction"])
            image.SetMetaData("Comment", RESEARCH_SOFTWARE)
            if path.name.lower().endswith(".seg.nrrd"):
                _describe_segments(image, array)
            _save(sitk, image, path, aside, name)
            if text := position["text"]:
                _copy_position(aside, text)

    return write


def _of_grid(geometry: Geometry) -> Mapping[str, Any]:
    """Return the position of a grid in LPS."""
    affine = LPS @ np.asarray(geometry.affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return {
        "origin": tuple(map(float, affine[:3, 3])),
        "spacing": tuple(map(float, spacing)),
        "direction": tuple(map(float, (affine[:3, :3] / spacing).ravel())),
        "text": {},
    }


def _check_gipl(path: Path, direction: tuple[float, ...], array: Num[np.ndarray, "*axes"]) -> None:
    if not np.allclose(direction, np.eye(3).ravel(), atol=1e-6):
        raise DatasetError(
            f"{path} cannot hold the directions of its axes: GIPL files have none but those of "
            "LPS. Name it .nrrd, .mha or .nii.gz."
        )
    if array.ndim > 3:
        raise DatasetError(
            f"{path} cannot hold {array.shape[3]} channels: a GIPL file has one. Name it .nrrd, "
            ".mha or .nii.gz."
        )


def _for_gipl(array: Num[np.ndarray, "*axes"]) -> Num[np.ndarray, "*axes"]:
    """Return integers in 16 bits if they fit: ITK writes none of 32 bits to GIPL."""
    if array.dtype != np.int32 or array.min() < 0 or array.max() > np.iinfo(np.uint16).max:
        return array
    return array.astype(np.uint16)


def _describe_segments(image: Any, array: Num[np.ndarray, "*axes"]) -> None:
    """Describe each label as a segment of 3D Slicer."""
    for number, value in enumerate(int(each) for each in np.unique(array) if each > 0):
        image.SetMetaData(f"Segment{number}_ID", f"Segment_{value}")
        image.SetMetaData(f"Segment{number}_Name", f"Segment {value}")
        image.SetMetaData(f"Segment{number}_LabelValue", str(value))
        image.SetMetaData(f"Segment{number}_Layer", "0")


def _save(sitk: Any, image: Any, path: Path, aside: Path, name: str) -> None:
    """Write an image by ITK, which sees the file under a plain name."""
    image_io, suffix = ITK_NAMES[name]
    is_gipl_packed = name == "GIPL" and path.name.lower().endswith(".gz")
    with tempfile.TemporaryDirectory(prefix="mbnas-") as folder:
        link = Path(folder) / f"image{suffix}{'.gz' if is_gipl_packed else ''}"
        link.symlink_to(aside.absolute())
        writer = sitk.ImageFileWriter()
        writer.SetImageIO(image_io)
        writer.SetFileName(str(link))
        writer.SetUseCompression(name != "GIPL" or is_gipl_packed)
        try:
            writer.Execute(image)
        except ITK_ERRORS as error:
            raise DatasetError(
                f"{path} cannot be written as {name}: SimpleITK cannot store "
                f"{image.GetPixelIDTypeAsString()} voxels there. Name it .nii.gz."
            ) from error


def _copy_position(file: Path, text: Mapping[str, str]) -> None:
    """Replace the position in the header of an NRRD file by that of another."""
    header, end, voxels = file.read_bytes().partition(b"\n\n")
    lines = (_with_position(line, text) for line in header.decode("latin-1").split("\n"))
    file.write_bytes("\n".join(lines).encode("latin-1") + end + voxels)


def _with_position(line: str, text: Mapping[str, str]) -> str:
    """Return a line of a header, with the text of another header if it is about the position."""
    key, _, value = line.partition(": ")
    if key in _SPACES:
        key = next(each for each in _SPACES if each in text)
    elif key not in text:
        return line
    if key == "space directions":  # "none" in them belongs to an axis of channels
        vectors = iter(_VECTOR.findall(text[key]))
        return f"{key}: {_VECTOR.sub(lambda _: next(vectors), value)}"
    return f"{key}: {text[key]}"
