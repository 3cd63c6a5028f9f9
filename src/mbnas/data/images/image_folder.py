"""The images of a folder: of pictures and volumes together, pictures are previews of the volumes.

Only TIFF may be both. What it is follows from the spacing beside it, as when it is read.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from mbnas.data.images.file_names import PassedOver, format_name, images_among, is_image, is_picture
from mbnas.data.images.formats.pictures.tiff_volume import spacing_beside
from mbnas.errors import DatasetError


def images_in(
    folder: Path, without: Collection[Path] = ()
) -> tuple[tuple[str, ...], tuple[PassedOver, ...]]:
    """Return the names of the images in a folder, sorted, and the files that are passed over.

    Args:
        folder: The folder; folders in it are not searched.
        without: Resolved paths of files that do not count.
    """
    files = [each for each in folder.iterdir() if each.is_file() and each.resolve() not in without]
    stacks = frozenset(each.name for each in files if is_picture(each.name) and is_volume(each))
    images, passed_over = images_among(
        (each.name for each in files), f"{folder}/", tiff_volumes=stacks
    )
    return images, (*passed_over, *_broken_links(folder))


def _broken_links(folder: Path) -> list[PassedOver]:
    return [
        PassedOver(file=f"{folder}/{each.name}", reason="is a link that leads to no file")
        for each in sorted(folder.iterdir())
        if each.is_symlink() and is_image(each.name) and _leads_nowhere(each)
    ]


def _leads_nowhere(link: Path) -> bool:
    try:
        return not link.exists()
    except OSError:  # a loop of links
        return True


def is_volume(image: Path) -> bool:
    """Return whether an image is a volume and no picture, by its name and the files beside it.

    A TIFF with a damaged spacing counts as a volume. It is refused when it is read.
    """
    if format_name(image.name) != "TIFF":
        return not is_picture(image.name)
    with suppress(DatasetError):
        return spacing_beside(image) is not None
    return True
