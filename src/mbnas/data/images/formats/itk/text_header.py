"""The text headers of NRRD and MetaImage: where the voxels are, and how they are stored.

SimpleITK interprets the headers. They are read here first, because a header may name any file of
the machine as the file of its voxels, and because ITK reads damaged voxels without an error.

Source: https://teem.sourceforge.net/nrrd/format.html and https://itk.org/Wiki/MetaIO.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import Literal

from mbnas.errors import DatasetError

Packing = Literal["none", "deflate", "other"]
"""How voxels are stored: as they are, compressed by zlib or gzip, or in another way."""

_MAX_HEADER_BYTES = 2**20
_NRRD_LINE = re.compile(r"\s*(?P<key>[^:]+):(?!=)\s*(?P<value>.*)")
_META_LINE = re.compile(r"(?P<key>\w+) *[=:] *(?P<value>.*)")
_META_TEXTS = ("Comment", "Name", "AcquisitionDate", "Modality")
_PATTERN = re.compile(r"LIST\b|.*%\d*d|.*\s\d+\s+\d+\s+\d+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHeader:
    """What a text header says of its voxels.

    Attributes:
        fields: The value of each field, by its name as NRRD or MetaImage spells it.
        data_file: Name of the file with the voxels, relative to the header; ``None`` if they
            follow the header.
        offset: Number of bytes before them, if that is known.
        packing: How they are stored.
        byte_order: Order of the bytes of a number, for NumPy.
    """

    fields: dict[str, str]
    data_file: str | None
    offset: int | None
    packing: Packing
    byte_order: Literal["<", ">"] = "<"


def read_nrrd_header(path: Path, stream: BufferedIOBase) -> TextHeader:
    """Return the header of an NRRD file.

    Args:
        path: The file, for errors.
        stream: Its bytes from the start.

    Raises:
        DatasetError: if it is no NRRD file, or if its voxels are in a file that may not be read.
    """
    if re.fullmatch(rb"NRRD\d{4}\s*", stream.readline(16)) is None:
        raise DatasetError(
            f"{path} is not NRRD: it does not start with an NRRD header. Convert it."
        )
    fields: dict[str, str] = {}
    for line in _lines(path, stream):
        if not line:
            break
        match = _NRRD_LINE.match(line)
        if match is not None and not line.startswith("#"):
            fields.setdefault(
                match["key"].strip().lower().replace("datafile", "data file"), match["value"]
            )
    data_file = _checked(path, fields.get("data file"))
    skips = {fields.get("line skip", "0").strip(), fields.get("byte skip", "0").strip()}
    encoding = fields.get("encoding", "").strip().lower()
    packing: Packing = "other"
    if encoding == "raw":
        packing = "none"
    elif encoding in ("gzip", "gz"):
        packing = "deflate"
    start = 0 if data_file is not None else stream.tell()
    return TextHeader(
        fields=fields,
        data_file=data_file,
        offset=start if skips == {"0"} else None,
        packing=packing,
    )


def read_meta_header(path: Path, stream: BufferedIOBase) -> TextHeader:
    """Return the header of a MetaImage, ``.mha`` or ``.mhd``.

    Args:
        path: The file, for errors.
        stream: Its bytes from the start.

    Raises:
        DatasetError: if it is no MetaImage, if its voxels are in a file that may not be read, or
            if they are stored as text.
    """
    fields: dict[str, str] = {}
    for line in _lines(path, stream):
        match = _META_LINE.fullmatch(line)
        if match is not None and match["key"] in _META_TEXTS:
            continue
        if (
            match is None
            or not (match["key"] == "ElementDataFile" or (line.isascii() and line.isprintable()))
            or (match["key"] != "ElementDataFile" and "ElementDataFile" in line)
        ):
            raise DatasetError(
                f"{path} is not a MetaImage: {line[:40]!r} is no line of its header. Convert it."
            )
        fields.setdefault(match["key"], match["value"].strip())
        if match["key"] == "ElementDataFile":
            break
    missing = [name for name in _META_FIELDS if not fields.get(name)]
    if missing:
        raise DatasetError(
            f"{path} is not a MetaImage: its header lacks {missing[0]}. Write the file again with "
            "another program."
        )
    _check_shape(path, fields)
    if not _truth(fields.get("BinaryData", "True")):
        raise DatasetError(
            f"{path} stores its voxels as text: binary MetaImages are read. Write it as binary."
        )
    is_local = fields["ElementDataFile"].upper() == "LOCAL"
    is_packed = _truth(fields.get("CompressedData", "False"))
    is_big = any(_truth(fields.get(name, "False")) for name in _META_ORDERS)
    return TextHeader(
        fields=fields,
        data_file=None if is_local else _checked(path, fields["ElementDataFile"]),
        offset=_offset(path, fields, stream.tell() if is_local else 0, is_packed=is_packed),
        packing="deflate" if is_packed else "none",
        byte_order=">" if is_big else "<",
    )


def _check_shape(path: Path, fields: dict[str, str]) -> None:
    """Check the type and the numbers: ITK prints to the terminal if it does not understand them."""
    names = list(fields)
    num_axes = int(fields["NDims"]) if re.fullmatch("[1-9]", fields["NDims"]) else 0
    for name, number in _META_NUMBERS.items():
        values = fields.get(name, "").split()
        expected = num_axes**2 if name in _META_MATRICES else num_axes
        if name in fields and (
            names.index(name) < names.index("NDims")
            or len(values) != expected
            or not all(number.fullmatch(value) for value in values)
        ):
            raise DatasetError(
                f"{path} has an invalid header: {name} must be {expected} numbers, after NDims. "
                "Write the file again with another program."
            )
    for name in _META_COUNTS:
        if re.fullmatch(r"-?\d{1,15}", fields.get(name, "0")) is None:
            raise DatasetError(
                f"{path} has an invalid header: {name} must be a number. Write the file again "
                "with another program."
            )
    if _META_TYPE.fullmatch(fields["ElementType"]) is None:
        raise DatasetError(
            f"{path} holds voxels of type {fields['ElementType'][:30]}: they must be integers or "
            "real numbers. Convert it to one of these."
        )


def _offset(path: Path, fields: dict[str, str], start: int, *, is_packed: bool) -> int | None:
    """Return the number of bytes before the voxels; ``None`` if they are the end of the file."""
    skip = fields.get("HeaderSize", "0")
    if skip == "0":
        return start
    if is_packed or re.fullmatch(r"-1|\d{1,15}", skip) is None:
        raise DatasetError(
            f"{path} has HeaderSize {skip[:20]}, from which the start of its voxels is not known. "
            "Write the file again with another program."
        )
    return None if skip == "-1" else int(skip)


_META_ORDERS = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
_REAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")
_META_MATRICES = ("TransformMatrix", "Rotation", "Orientation")
_META_NUMBERS = {
    "DimSize": re.compile(r"\d{1,9}"),
    **dict.fromkeys(_META_MATRICES, _REAL),
    **dict.fromkeys(("Offset", "Position", "Origin", "CenterOfRotation"), _REAL),
    **dict.fromkeys(("ElementSpacing", "ElementSize"), _REAL),
}
_META_COUNTS = ("CompressedDataSize", "ElementNumberOfChannels", "HeaderSize")
_META_TYPE = re.compile(
    r"MET_U?(CHAR|SHORT|INT|LONG|LONG_LONG)(_ARRAY)?|MET_(FLOAT|DOUBLE)(_ARRAY)?"
)
_META_FIELDS = ("NDims", "DimSize", "ElementType", "ElementDataFile")


def _lines(path: Path, stream: BufferedIOBase) -> Iterator[str]:
    """Yield the lines of a header without their ends."""
    left = _MAX_HEADER_BYTES
    while left > 0 and (line := stream.readline(left)):
        left -= len(line)
        yield line.decode("latin-1").rstrip("\r\n")
    if left <= 0:
        raise DatasetError(
            f"{path} has a header of more than {_MAX_HEADER_BYTES} bytes. Write the file again "
            "with another program."
        )


def _truth(value: str) -> bool:
    return value[:1] in "Tt1"


def _checked(path: Path, name: str | None) -> str | None:
    """Return the name of the file with the voxels, which must be in the header's folder or below.

    A header that comes from elsewhere could otherwise have any file of this machine read.
    """
    if name is None:
        return None
    name = name.strip().encode("latin-1").decode(errors="surrogateescape")
    if _PATTERN.match(name) is not None:
        raise DatasetError(
            f"{path} names several files with its voxels ({name[:40]!r}): one file is read. Write "
            "the image again as one file."
        )
    parts = PurePosixPath(name).parts
    if (
        not parts
        or not name.isprintable()
        or PurePosixPath(name).is_absolute()
        or ".." in parts
        or name == "-"
    ):
        raise DatasetError(
            f"{path} names {name[:80]!r} as the file with its voxels: it must be in the folder of "
            "the header. Move it there, and correct the header."
        )
    if not (path.parent / name).is_file():
        raise DatasetError(
            f"{path} names {name[:80]!r} as the file with its voxels, which does not exist. Put it "
            "beside the header."
        )
    return os.path.normpath(name)
