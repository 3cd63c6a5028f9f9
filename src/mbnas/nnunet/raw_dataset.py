"""A study's volumes in nnU-Net's raw layout, and its folds as nnU-Net's splits.

Cases are those that take part in the study, by their names. Labels are the study's own
references as class indices, in files of our making; an image file is linked to where it can
be taken as it is, and split into one file a channel where it holds several.

Patients in no fold lie apart, in ``imagesTs`` and ``labelsTs``.
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
from mbnas.data.images.nifti_reader import read_header, read_image
from mbnas.data.images.nifti_writer import write_image, write_label
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.errors import StudyError
from mbnas.machine.files import write_text
from mbnas.machine.folders import making_folder
from mbnas.machine.processes import ProgressCallback

ENDING = ".nii.gz"
_SPECIAL = ("background", "ignore")  # labels that nnU-Net gives a meaning of its own


def write_raw(
    dataset: Dataset,
    prepared: PreparedSlices,
    folder: Path,
    progress: ProgressCallback | None = None,
) -> None:
    """Write a study's volumes into a new folder in nnU-Net's raw layout, whole or not at all.

    Args:
        dataset: Whose files the study was begun with.
        prepared: The study's slices: which cases take part, and their references.
        folder: Such as ``nnUNet_raw/Dataset001_Name``. If it exists, links to images that were
            moved are made again, and nothing else.
        progress: Told of every case done.

    Raises:
        StudyError: if a case of the study is gone from the dataset, or its grid changed.
        DatasetError: if a file cannot be read.
        WriteError: if the folder cannot be made.
    """
    cases = {case.name: case for case in dataset.cases}
    report = progress or (lambda done, total: None)
    with making_folder(folder) as aside:
        if aside is None:
            _relink(cases, folder)
            return
        for number, volume in enumerate(prepared.volumes):
            if volume.case not in cases:
                raise StudyError(
                    f"Case {volume.case} of the study is not in {dataset.root} any more. "
                    "Restore it."
                )
            part = "Ts" if volume.held_out else "Tr"
            _write_images(cases[volume.case], volume, _made(aside / f"images{part}"))
            label = _made(aside / f"labels{part}") / f"{volume.case}{ENDING}"
            write_label(label, prepared.reference(number), volume.geometry)
            report(number + 1, len(prepared.volumes))
        text = json.dumps(_description(prepared), indent=2)
        write_text(aside / "dataset.json", text + "\n")


def splits(folds: Sequence[Fold], prepared: PreparedSlices) -> list[dict[str, list[str]]]:
    """Return what ``splits_final.json`` holds: the cases of each fold's patients."""

    def cases(patients: Sequence[str]) -> list[str]:
        return [volume.case for volume in prepared.volumes if volume.patient in patients]

    return [{"train": cases(fold.train), "val": cases(fold.validation)} for fold in folds]


def dataset_name(name: str) -> str:
    """Return what nnU-Net calls a dataset in a folder of its own.

    >>> dataset_name("Task04_Hippocampus"), dataset_name("—")
    ('Dataset001_Task04_Hippocampus', 'Dataset001_Study')
    """
    return f"Dataset001_{re.sub('[^A-Za-z0-9_]+', '', name) or 'Study'}"


def _write_images(case: Case, volume: PreparedVolume, folder: Path) -> None:
    """Link to a case's image files, or write a file for each channel."""
    headers = [read_header(path) for path in case.images]
    for path, header in zip(case.images, headers, strict=True):
        if not header.geometry.has_voxels_of(volume.geometry):
            raise StudyError(
                f"{path} is on another grid than when the study was begun. Restore the file."
            )
    if all(
        path.name.endswith(ENDING)
        and header.num_channels == 1
        and header.geometry.is_stored_as(volume.geometry)
        for path, header in zip(case.images, headers, strict=True)
    ):
        for channel, path in enumerate(case.images):
            _image(folder, case, channel).symlink_to(path.resolve())
        return
    image = read_image(case.images)
    for channel, voxels_XYZ in enumerate(image.voxels):
        voxels_IJK = image.geometry.from_canonical(voxels_XYZ)
        affine = np.array(image.geometry.affine)
        write_image(_image(folder, case, channel), voxels_IJK[None], affine)


def lacks_images(folder: Path) -> bool:
    """Say whether a folder in nnU-Net's raw layout is absent or links to images that are gone."""
    return not folder.is_dir() or any(map(_leads_nowhere, folder.glob("images*/*")))


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _relink(cases: Mapping[str, Case], folder: Path) -> None:
    """Make links that lead nowhere lead to the images of the cases, wherever these are now."""
    links = {
        _image(Path(), case, channel).name: path
        for case in cases.values()
        for channel, path in enumerate(case.images)
    }
    for link in folder.glob("images*/*"):
        if _leads_nowhere(link) and link.name in links:
            link.unlink()
            link.symlink_to(links[link.name].resolve())


def _image(folder: Path, case: Case, channel: int) -> Path:
    return folder / f"{case.name}_{channel:04d}{ENDING}"


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _description(prepared: PreparedSlices) -> dict[str, Any]:
    """Return what ``dataset.json`` says; volumes are turned to RAS+ as in the study."""
    return {
        "channel_names": {str(number): name for number, name in enumerate(prepared.channels)},
        "labels": _labels(prepared.classes),
        "numTraining": sum(not volume.held_out for volume in prepared.volumes),
        "file_ending": ENDING,
        "overwrite_image_reader_writer": "NibabelIOWithReorient",
    }


def _labels(classes: Sequence[LabelClass]) -> dict[str, int]:
    """Return class indices by names that differ from one another and from nnU-Net's own."""
    names = [each.name for each in classes]
    return {"background": 0} | {
        name if names.count(name) == 1 and name.lower() not in _SPECIAL else f"class {index}": index
        for index, name in enumerate(names, start=1)
    }
