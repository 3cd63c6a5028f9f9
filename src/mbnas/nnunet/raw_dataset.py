"""A study's volumes in nnU-Net's raw layout, and its folds as nnU-Net's splits.

The cases are those of the study, with the same names. Labels are the study's references in new
files: numbered from 1, and the highest is that of ignored voxels, if the dataset has them. Image
files are linked if nnU-Net can use them unchanged; a file with several channels is split into one
file per channel. Pictures are written anew, as PNG or TIFF, one file with all channels of a case.

Held-out patients are in ``imagesTs`` and ``labelsTs``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mbnas.data.datasets.dataset import Case, Dataset, LabelClass
from mbnas.data.datasets.folds import Fold
from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.read import read_header, read_image
from mbnas.data.images.write import write_image, write_label
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.errors import StudyError
from mbnas.machine.files import write_text
from mbnas.machine.folders import making_folder
from mbnas.machine.processes import ProgressCallback

VOLUME_ENDING = ".nii.gz"
"""Suffix of a dataset of volumes; that of pictures follows from their values."""

_SPECIAL = ("background", "ignore")  # labels with a special meaning in nnU-Net


def write_raw(
    dataset: Dataset,
    prepared: PreparedSlices,
    folder: Path,
    progress: ProgressCallback | None = None,
) -> None:
    """Write a study's volumes into a new folder in nnU-Net's raw layout, atomically.

    Args:
        dataset: The study's dataset.
        prepared: The study's slices, with its cases and their references.
        folder: Such as ``nnUNet_raw/Dataset001_Name``. If it exists, only links to images that
            were moved are made again.
        progress: Called after each case.

    Raises:
        StudyError: if a case of the study is gone from the dataset, or its grid changed.
        DatasetError: if a file cannot be read.
        WriteError: if the folder cannot be made.
    """
    cases = {case.name: case for case in dataset.cases}
    ending = _ending(dataset, prepared)
    with making_folder(folder) as aside:
        if aside is None:
            _relink(cases, folder, ending)
            return
        for number, volume in enumerate(prepared.volumes):
            if volume.case not in cases:
                raise StudyError(
                    f"Case {volume.case} of the study is no longer in {dataset.root}. Restore it."
                )
            part = "Ts" if volume.held_out else "Tr"
            _write_images(cases[volume.case], volume, _folder(aside / f"images{part}"), ending)
            label = _folder(aside / f"labels{part}") / f"{volume.case}{ending}"
            labels_XYZ = prepared.reference(number)
            if prepared.targets.ignores:
                ignored = 1 + prepared.targets.num_labels
                labels_XYZ = np.where(labels_XYZ == IGNORED, np.uint8(ignored), labels_XYZ)
            write_label(label, labels_XYZ, volume.geometry)
            if progress is not None:
                progress(number + 1, len(prepared.volumes))
        text = json.dumps(_description(prepared, ending), indent=2)
        write_text(aside / "dataset.json", text + "\n")


def ending_in(folder: Path) -> str:
    """Return the suffix of the label maps of a dataset, by the ``dataset.json`` in a folder.

    Raises:
        StudyError: if the file cannot be read.
    """
    try:
        return str(json.loads((folder / "dataset.json").read_bytes())["file_ending"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{folder / 'dataset.json'} cannot be read ({error}). Remove its folder and run the "
            "same command again."
        ) from error


def splits(folds: Sequence[Fold], prepared: PreparedSlices) -> list[dict[str, list[str]]]:
    """Return the content of ``splits_final.json``: the cases of each fold's patients."""

    def cases(patients: Sequence[str]) -> list[str]:
        return [volume.case for volume in prepared.volumes if volume.patient in patients]

    return [{"train": cases(fold.train), "val": cases(fold.validation)} for fold in folds]


def dataset_name(name: str) -> str:
    """Return nnU-Net's name of a dataset.

    >>> dataset_name("Task04_Hippocampus"), dataset_name("—")
    ('Dataset001_Task04_Hippocampus', 'Dataset001_Study')
    """
    return f"Dataset001_{re.sub('[^A-Za-z0-9_]+', '', name) or 'Study'}"


def _ending(dataset: Dataset, prepared: PreparedSlices) -> str:
    """Return the suffix of all files: for pictures PNG, unless it cannot hold their values."""
    if prepared.unit == "mm":
        return VOLUME_ENDING
    names = {volume.case for volume in prepared.volumes}
    files = [path for case in dataset.cases if case.name in names for path in case.images]
    types = [read_header(path).number_type for path in files]
    most_bytes = 2 if len(prepared.channels) == 1 else 1
    fits = all(each.kind == "u" and each.itemsize <= most_bytes for each in types)
    return ".png" if fits and len(prepared.channels) in (1, 3) else ".tif"


def _write_images(case: Case, volume: PreparedVolume, folder: Path, ending: str) -> None:
    """Link to a case's image files, or write a file for each channel, or one of a picture."""
    headers = [read_header(path) for path in case.images]
    for path, header in zip(case.images, headers, strict=True):
        if not header.geometry.has_voxels_of(volume.geometry):
            raise StudyError(
                f"{path} is on another grid than when the study was begun. Restore the file."
            )
    if ending != VOLUME_ENDING:
        parts = [format_of(path).open(path).stored() for path in case.images]
        target = _image(folder, case, 0, ending)
        pixels_IJKC = np.concatenate(parts, axis=3)
        format_of(target).write(target, pixels_IJKC, volume.geometry, None)
        return
    if all(
        path.name.endswith(ending)
        and header.num_channels == 1
        and header.geometry.is_stored_as(volume.geometry)
        for path, header in zip(case.images, headers, strict=True)
    ):
        for channel, path in enumerate(case.images):
            _image(folder, case, channel, ending).symlink_to(path.resolve())
        return
    image = read_image(case.images)
    for channel, voxels_XYZ in enumerate(image.voxels):
        voxels_IJK = image.geometry.from_canonical(voxels_XYZ)
        affine = np.array(image.geometry.affine)
        write_image(_image(folder, case, channel, ending), voxels_IJK[None], affine)


def lacks_images(folder: Path) -> bool:
    """Return whether a folder in nnU-Net's raw layout is absent or has broken image links."""
    return not folder.is_dir() or any(map(_is_broken_link, folder.glob("images*/*")))


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _relink(cases: Mapping[str, Case], folder: Path, ending: str) -> None:
    """Replace broken links by links to the current images of the cases."""
    links = {
        _image(Path(), case, channel, ending).name: path
        for case in cases.values()
        for channel, path in enumerate(case.images)
    }
    for link in folder.glob("images*/*"):
        if _is_broken_link(link) and link.name in links:
            link.unlink()
            link.symlink_to(links[link.name].resolve())


def _image(folder: Path, case: Case, channel: int, ending: str) -> Path:
    return folder / f"{case.name}_{channel:04d}{ending}"


def _folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _description(prepared: PreparedSlices, ending: str) -> dict[str, Any]:
    """Return the content of ``dataset.json``; volumes are reoriented to RAS+ as in the study."""
    targets, classes = prepared.targets, prepared.classes
    ignore = {"ignore": 1 + targets.num_labels} if targets.ignores else {}
    order = {"regions_class_order": list(targets.written)} if targets.regions else {}
    return {
        "channel_names": {str(number): name for number, name in enumerate(prepared.channels)},
        "labels": _labels(classes, targets) | ignore,
        **order,
        "numTraining": sum(not volume.held_out for volume in prepared.volumes),
        "file_ending": ending,
        **(
            {"overwrite_image_reader_writer": "NibabelIOWithReorient"}
            if ending == VOLUME_ENDING
            else {}
        ),
    }


def _labels(classes: Sequence[LabelClass], targets: Targets) -> dict[str, int | list[int]]:
    """Return labels, or lists of them, by unique names that have no special meaning in nnU-Net."""
    names = [each.name for each in classes]
    labels: dict[str, int | list[int]] = {"background": 0}
    for number, (name, members) in enumerate(zip(names, targets.members, strict=True), start=1):
        is_usable = names.count(name) == 1 and name.lower() not in _SPECIAL
        key = name if is_usable else f"class {number}"
        labels[key] = list(members) if len(members) > 1 else members[0]
    return labels
