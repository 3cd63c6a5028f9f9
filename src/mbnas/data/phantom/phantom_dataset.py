"""Phantoms as a dataset in the layout of the Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from mbnas import seeds
from mbnas.data.images.write import write_image
from mbnas.data.phantom.body import Anatomy
from mbnas.data.phantom.prostate import PROSTATE
from mbnas.data.phantom.spleen import SPLEEN
from mbnas.errors import DatasetError, UsageError
from mbnas.machine.files import write_text
from mbnas.machine.folders import making_new_folder

Kind = Literal["prostate", "spleen"]
ANATOMIES: dict[Kind, Anatomy] = {"prostate": PROSTATE, "spleen": SPLEEN}


def write_phantom(kind: Kind, root: Path, *, num_patients: int = 12, seed: int = 0) -> Path:
    """Write synthetic patients to ``root`` as a complete dataset, or nothing; return ``root``.

    Args:
        kind: The anatomy.
        root: The folder to create; it may exist if it is empty.
        num_patients: Number of patients; patient N is the same for any number.
        seed: The same seed gives the same patients.

    Raises:
        UsageError: if there are no patients to write.
        DatasetError: if ``root`` is not empty.
        WriteError: if it cannot be written.
    """
    if num_patients < 1:
        raise UsageError(f"A phantom dataset needs 1 patient or more (got {num_patients}).")
    root = root.absolute()
    with making_new_folder(root) as aside:
        if aside is None:
            raise DatasetError(
                f"{root} is not empty: a phantom dataset is written to a new folder. "
                "Choose another folder, or remove it."
            )
        _write(kind, aside, num_patients, seed)
    return root


def _write(kind: Kind, root: Path, num_patients: int, seed: int) -> None:
    anatomy = ANATOMIES[kind]
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir()
    names = [f"{kind}_{number:03d}.nii.gz" for number in range(num_patients)]
    for number, name in enumerate(names):
        patient = anatomy.draw(seeds.generator(seed, f"phantom {kind}", number))
        write_image(root / "imagesTr" / name, patient.voxels, patient.affine)
        write_image(root / "labelsTr" / name, patient.labels[None], patient.affine)
    description = {
        "name": f"{kind} phantom",
        "description": f"Synthetic patients with {kind}-like anatomy, seed {seed}",
        "licence": "CC0 1.0",
        "release": "1.0",
        "tensorImageSize": "4D" if len(anatomy.channels) > 1 else "3D",
        "modality": {str(i): name for i, name in enumerate(anatomy.channels)},
        "labels": {str(i): name for i, name in enumerate(("background", *anatomy.classes))},
        "numTraining": num_patients,
        "numTest": 0,
        "training": [
            {"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names
        ],
        "test": [],
    }
    write_text(root / "dataset.json", json.dumps(description, indent=2) + "\n")
