"""Models of one genotype for the prediction benchmark, trained for a few steps by each program.

How long a network predicts does not depend on how well it was trained. The files are
those of ``mbnas train`` and ``mbnas nnunet``, which ``prediction.py`` also accepts from a user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from commands import run, script
from studies import TINY, held_study

from mbnas.data.datasets.folds import make_folds
from mbnas.nnunet.commands import Place, run_command
from mbnas.nnunet.plans import CONFIGURATION, export_nnunet, plans_name
from mbnas.nnunet.raw_dataset import dataset_name, splits, write_raw
from mbnas.nnunet.schedule import Schedule
from mbnas.space.genotype import unet_genotype
from mbnas.study.open_study import OpenStudy

GENOTYPE = unet_genotype()
BASE_CHANNELS = 8
PROCESSES = 2


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


def made_models(
    directory: Path, dataset: Path, preparation: Mapping[str, object] | None = None
) -> Models:
    """Return models of the U-Net genotype in a directory, trained on a dataset.

    Args:
        directory: The folder for study and models.
        dataset: The dataset.
        preparation: Its settings; by default those of :data:`studies.TINY`.
    """
    study = directory / "study"
    training = TINY["training"] | {"base_channels": BASE_CHANNELS}
    place = Place(
        root=directory / "nnunet",
        dataset=dataset_name(dataset.name),
        device="cpu",
        processes=PROCESSES,
    )
    schedule = Schedule(epochs=1, iterations=2)
    settings = TINY | {"training": training, "preparation": preparation or TINY["preparation"]}
    with held_study(study, dataset, settings) as held:
        train_by_nnunet(held, place, schedule)
    network = ("--network", str(GENOTYPE))
    run([script("mbnas"), "train", str(study), *network, "--name", "model", "--epochs", "1"])
    return Models(
        model=study / "weights" / "model",
        nnunet=place.root,
        images=place.raw / "imagesTr",
        dataset=place.dataset,
        trainer=schedule.trainer,
        plans=plans_name(GENOTYPE, BASE_CHANNELS),
    )


def train_by_nnunet(held: OpenStudy, place: Place, schedule: Schedule) -> None:
    """Train the genotype on a study's first fold as ``mbnas nnunet`` does, and no other network."""
    write_raw(held.source.dataset, held.prepared, place.raw)
    processes = str(place.processes)
    run_command(
        place,
        "nnUNetv2_plan_and_preprocess",
        *("-d", "1", "-c", CONFIGURATION, "-np", processes, "-npfp", processes),
        log="preprocessing",
    )
    folds = make_folds(held.prepared.patient_classes, held.protocol.evaluation.folds, seed=0)
    cases = json.dumps(splits(folds, held.prepared))
    (place.preprocessed / "splits_final.json").write_text(cases, encoding="utf-8")
    export_nnunet(GENOTYPE, base_channels=BASE_CHANNELS, dataset=place.preprocessed)
    run_command(
        place,
        "nnUNetv2_train",
        *(place.dataset, CONFIGURATION, "0", "-tr", schedule.trainer),
        *("-p", plans_name(GENOTYPE, BASE_CHANNELS), "-device", place.device),
        log="training",
    )
