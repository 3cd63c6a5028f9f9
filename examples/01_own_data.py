"""Write images and labels as a dataset that mbnas reads.

    python examples/01_own_data.py

Replace `draw_patient` by what reads your files. The layout is nnU-Net's: an image for each channel,
named `CASE_0000.nii.gz`, a label map `CASE.nii.gz`, and a `dataset.json` that names channels and
labels. Then look at the result with `mbnas check data/discs`.
"""

import json
import sys
from pathlib import Path

import nibabel
import numpy as np

SPACING_MM = (1.0, 1.0, 3.0)


def draw_patient(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the image and the labels of a synthetic patient: a bright disc in noise."""
    rng = np.random.default_rng(number)
    x, y, z = np.ogrid[:24, :24, :6]
    centre = rng.uniform(9, 15, size=2)
    radius = rng.uniform(4, 6) - 0.5 * abs(z - 2.5)
    labels = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    image = rng.normal(size=labels.shape) + 3 * labels
    return image.astype(np.float32), labels.astype(np.uint8)


def save(voxels: np.ndarray, path: Path) -> None:
    """Write an array as NIfTI; its axes run left to right, back to front and feet to head."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*SPACING_MM, 1.0])), path)


def main(folder: Path, num_patients: int = 6) -> None:
    """Write all patients and the `dataset.json`."""
    for number in range(num_patients):
        image, labels = draw_patient(number)
        save(image, folder / "imagesTr" / f"disc_{number:03d}_0000.nii.gz")
        save(labels, folder / "labelsTr" / f"disc_{number:03d}.nii.gz")
    facts = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "disc": 1},
        "numTraining": num_patients,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(facts, indent=2))
    print(f"Wrote {num_patients} patients to {folder}.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data/discs"))
