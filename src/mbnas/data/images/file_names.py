"""Names of image files: which are read, the names of their cases, and which are skipped.

The case of suffixes does not matter: some scanners and file systems write ``.NII.GZ``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

SUFFIXES_BY_FORMAT = {
    "NIfTI": (".nii", ".nii.gz"),
    "NRRD": (".nrrd", ".nhdr", ".seg.nrrd"),
    "MetaImage": (".mha", ".mhd"),
    "GIPL": (".gipl", ".gipl.gz"),
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
}
"""Suffixes of the files that are read and written, in lower case, by the name of their format."""

PICTURE_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
"""Formats of pictures: one slice, without a place in a patient and without spacing."""

SUFFIXES = tuple(suffix for suffixes in SUFFIXES_BY_FORMAT.values() for suffix in suffixes)
"""All suffixes, in lower case."""

HEADER_SUFFIXES = (".mhd", ".nhdr")
"""Suffixes of files whose voxels are in another file; they are read and not written."""

IMAGE_NAMES = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
"""The suffixes in words."""

CHANNEL_NAME = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})", re.DOTALL)
"""nnU-Net's name of the file of a channel, without suffix: the case and the channel's number."""

_FORMATS = {suffix: name for name, suffixes in SUFFIXES_BY_FORMAT.items() for suffix in suffixes}
_SUFFIX = re.compile(
    f"(?:{'|'.join(map(re.escape, sorted(SUFFIXES, key=len, reverse=True)))})$", re.IGNORECASE
)
_IMAGE = re.compile(
    r"\.(nii|hdr|img|mha|mhd|nrrd|nhdr|gipl|mgz|mgh|mnc|dcm|gif|webp|jp2|heic)(?![a-z0-9])",
    re.IGNORECASE,
)
_MAX_NAMES = 3


def is_image(name: str) -> bool:
    """Return whether a file name has the suffix of an image, in upper or lower case.

    >>> is_image("case_01.NII.GZ"), is_image("case_01.nii.bz2")
    (True, False)
    """
    return _SUFFIX.search(name) is not None


def format_name(name: str) -> str | None:
    """Return the name of the format of a file by its suffix; ``None`` if it is no image.

    >>> format_name("case_01.nii.gz")
    'NIfTI'
    """
    return _FORMATS.get(suffix_of(name).lower())


def is_picture(name: str) -> bool:
    """Return whether a file name has the suffix of a picture.

    >>> is_picture("case_01.PNG"), is_picture("case_01.nii")
    (True, False)
    """
    return format_name(name) in PICTURE_FORMATS


def resembles_image(name: str) -> bool:
    """Return whether a name is that of a medical image, in a supported format or not.

    >>> [resembles_image(name) for name in ("a.nii.gz.part", "a.mnc", "a.json")]
    [True, True, False]
    """
    return _IMAGE.search(name) is not None


def is_hidden(name: str) -> bool:
    """Return whether a file is hidden, such as the ``._case.nii`` that macOS creates."""
    return name.startswith(".")


def without_suffix(name: str) -> str:
    """Return a file's name without the suffix of an image, such as ``.nii.gz``.

    >>> without_suffix("case_01.nii.gz"), without_suffix("case_02.NII")
    ('case_01', 'case_02')
    """
    return _SUFFIX.sub("", name)


def suffix_of(name: str) -> str:
    """Return the suffix of an image as it is spelt; empty if the name has none."""
    return name[len(without_suffix(name)) :]


def images_among(
    names: Iterable[str], folder: str = "", *, tiff_volumes: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[PassedOver, ...]]:
    """Return the visible images of a folder, sorted, and the files that are passed over.

    Pictures beside volumes are previews of them.

    >>> images_among(["a.nii.gz", "a.png", "notes.txt"])[0]
    ('a.nii.gz',)

    Args:
        names: Names of the files in a folder.
        folder: Prefix of each name in messages, with its slash.
        tiff_volumes: Names of the TIFF files that are volumes.
    """
    names = sorted(names)
    images = tuple(name for name in names if is_image(name) and not is_hidden(name))
    volumes = tuple(name for name in images if not is_picture(name) or name in tiff_volumes)
    unreadable = unreadable_images(names, folder)
    if not volumes:
        return images, unreadable
    previews = tuple(
        PassedOver(file=folder + name, reason=_why_preview(name))
        for name in images
        if name not in set(volumes)
    )
    return volumes, (*previews, *unreadable)


def _why_preview(name: str) -> str:
    if format_name(name) == "TIFF":
        return "is in a folder of volumes and has no spacing in a JSON file beside it"
    return "is a picture in a folder of volumes"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A file that looks like an image and is not used.

    Attributes:
        file: Its path, relative to the folder that was read.
        reason: Why it is not used, as the predicate of a sentence about the file.
    """

    file: str
    reason: str


def unreadable_images(names: Iterable[str], folder: str = "") -> tuple[PassedOver, ...]:
    """Return the files that look like images but do not have a supported suffix.

    Args:
        names: Names of the files in a folder.
        folder: Prefix of each name, with its slash.
    """
    return tuple(
        PassedOver(file=folder + name, reason=f"is not named {IMAGE_NAMES}")
        for name in sorted(names)
        if resembles_image(name) and not is_image(name) and not is_hidden(name)
    )


def passed_over_sentences(passed_over: Iterable[PassedOver]) -> tuple[str, ...]:
    """Return a sentence for each reason, with the first files that it applies to.

    >>> passed_over_sentences([PassedOver(file="a.mnc", reason="is not named .nii or .nii.gz")])
    ('1 file was passed over: a.mnc is not named .nii or .nii.gz.',)
    """
    by_reason: dict[str, list[str]] = defaultdict(list)
    for each in passed_over:
        by_reason[each.reason].append(each.file)
    return tuple(
        f"{_counted(len(files))} passed over: {files[0]} {reason}{_others(files[1:])}."
        for reason, files in by_reason.items()
    )


def _counted(count: int) -> str:
    return "1 file was" if count == 1 else f"{count} files were"


def _others(files: list[str]) -> str:
    if not files:
        return ""
    shown = ", ".join(files[: _MAX_NAMES - 1])
    more = len(files) - (_MAX_NAMES - 1)
    verb = "is" if len(files) == 1 else "are"
    return f" (so {verb} {shown}{f' and {more} more' if more > 0 else ''})"
