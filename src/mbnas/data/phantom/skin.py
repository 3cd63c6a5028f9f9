"""Synthetic photographs of skin: a lesion, and in some a scar, with the left and right of patients.

They are for tests and demonstrations of pictures: coloured PNG in nnU-Net's raw layout, of several
sizes, two of each patient.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter

from mbnas import seeds
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.write import write_image, write_label
from mbnas.errors import DatasetError
from mbnas.machine.files import write_text
from mbnas.machine.folders import making_folder

CLASSES = ("lesion", "scar")
_SKIN, _LESION, _SCAR = (214, 160, 130), (110, 62, 48), (232, 200, 190)
_SIDES = (48, 56, 64)


def write_skin_phantom(root: Path, *, num_patients: int = 6, seed: int = 0) -> Path:
    """Write two pictures of each patient as a complete dataset, or nothing; return ``root``.

    Args:
        root: The folder to create.
        num_patients: Number of patients; patient N is the same for any number.
        seed: The same seed gives the same pictures.

    Raises:
        DatasetError: if ``root`` exists.
        WriteError: if it cannot be written.
    """
    with making_folder(root.absolute()) as aside:
        if aside is None:
            raise DatasetError(f"{root} exists already. Choose another folder, or remove it.")
        for folder in ("imagesTr", "labelsTr"):
            (aside / folder).mkdir()
        for number in range(num_patients):
            rng = seeds.generator(seed, "phantom skin", number)
            for side in "LR":
                _write_picture(aside, f"skin_{number:02d}{side}", *_draw(rng))
        facts = {
            "name": "skin phantom",
            "channel_names": {str(number): name for number, name in enumerate("RGB")},
            "labels": {"background": 0, **{name: k for k, name in enumerate(CLASSES, start=1)}},
            "numTraining": 2 * num_patients,
            "file_ending": ".png",
        }
        write_text(aside / "dataset.json", json.dumps(facts, indent=2) + "\n")
    return root


def _write_picture(
    root: Path,
    name: str,
    pixels_HWC: UInt8[np.ndarray, "height width 3"],
    labels_HW: UInt8[np.ndarray, "height width"],
) -> None:
    height, width = labels_HW.shape
    geometry = Geometry.picture(width, height)
    image_CIJK = np.moveaxis(pixels_HWC.swapaxes(0, 1), -1, 0)[..., None]
    write_image(root / f"imagesTr/{name}_0000.png", image_CIJK, np.array(geometry.affine))
    labels_XYZ = geometry.to_canonical(labels_HW.T[..., None])
    write_label(root / f"labelsTr/{name}.png", labels_XYZ, geometry)


def _draw(
    rng: np.random.Generator,
) -> tuple[UInt8[np.ndarray, "height width 3"], UInt8[np.ndarray, "height width"]]:
    """Return a photograph and its labels."""
    height, width = (int(rng.choice(_SIDES)) for _ in range(2))
    rows, columns = np.mgrid[:height, :width]
    places = np.stack([rows / height, columns / width], axis=-1)
    labels_HW = np.zeros((height, width), np.uint8)
    if rng.random() < 0.7:
        start, slope = rng.uniform(0.1, 0.9), rng.uniform(-0.4, 0.4)
        labels_HW[np.abs(places[..., 0] - start - slope * places[..., 1]) < 0.05] = 2
    centre, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.12, 0.22)
    rough = gaussian_filter(rng.normal(size=(height, width)), 4)
    distance = np.linalg.norm(places - centre, axis=-1) + 0.2 * rough
    labels_HW[distance < radius] = 1
    return _photograph(labels_HW, rng), labels_HW


def _photograph(
    labels_HW: UInt8[np.ndarray, "height width"], rng: np.random.Generator
) -> UInt8[np.ndarray, "height width 3"]:
    """Return blurred colours of the labels, with noise and uneven light."""
    colours = np.array([_SKIN, _LESION, _SCAR], float)[labels_HW]
    light: Float[np.ndarray, "height width"] = gaussian_filter(rng.normal(size=labels_HW.shape), 12)
    shaded = gaussian_filter(colours, (0.8, 0.8, 0)) * (1 + 2 * light[..., None])
    noisy = shaded + rng.normal(scale=6, size=shaded.shape)
    pixels_HWC: np.ndarray = noisy.clip(0, 255).astype(np.uint8)
    return pixels_HWC
