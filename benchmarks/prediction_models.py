"""Models to predict with where none are at hand: of one genotype, trained for a few steps by each.

How long a network predicts does not depend on how well it was trained. The commands are the
product's, so what they leave is what ``prediction.py`` takes from a user.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from commands import run, script
from studies import TINY, held_study, patients

from mbnas.data.dataset import read_dataset
from mbnas.genotype.genotype import unet_genotype
from mbnas.nnunet.conversion import dataset_name
from mbnas.nnunet.plans import plans_name
from mbnas.nnunet.schedule import Schedule

GENOTYPE = unet_genotype()
BASE_CHANNELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What both commands predict with, and what they predict.

    Attributes:
        model: Folder of a model of ``mbnas train``.
        nnunet: Folder of ``mbnas nnunet``, its trainings ended.
        images: Folder of images, named as nnU-Net names them.
        dataset: nnU-Net's name of the dataset.
        trainer: nnU-Net's trainer.
        plans: nnU-Net's plans, of the same genotype.
    """

    model: Path
    nnunet: Path
    images: Path
    dataset: str
    trainer: str
    plans: str


def made_models(directory: Path, num_patients: int) -> Models:
    """Return models of the U-Net genotype in a new directory, trained on synthetic patients."""
    dataset, study = patients(directory, num_patients), directory / "study"
    training = TINY["training"] | {"base_channels": BASE_CHANNELS}
    with held_study(study, dataset, TINY | {"training": training}):
        pass  # it is begun, which is all that both commands need
    network = ("--network", str(GENOTYPE))
    run([script("mbnas"), "train", str(study), *network, "--name", "model", "--epochs", "1"])
    schedule = Schedule(epochs=1, iterations=2)
    size = ("--epochs", str(schedule.epochs), "--iterations-per-epoch", str(schedule.iterations))
    place = directory / "nnunet"
    run([script("mbnas"), "nnunet", str(study), str(place), *network, *size, "--folds", "0"])
    name = dataset_name(read_dataset(dataset).name)
    return Models(
        model=study / "weights" / "model",
        nnunet=place,
        images=place / "nnUNet_raw" / name / "imagesTr",
        dataset=name,
        trainer=schedule.trainer,
        plans=plans_name(GENOTYPE, BASE_CHANNELS),
    )
