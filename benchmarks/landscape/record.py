"""Trains the networks of the landscape and records every epoch's Dice; resumes where it stopped.

``python benchmarks/landscape/record.py DATASET TABLE.csv`` trains what the table lacks until it is
stopped, or for some hours. Each training is in the table as soon as it ends.

``--epochs`` shortens every training, with its learning rate and warm-up: the scores of a cheaper
protocol, for a table of its own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from networks import networks_of
from table import FOLDS, Row, read_rows, write_rows

sys.path.insert(0, str(Path(__file__).parents[1]))
from studies import held_study

from mbnas.space.genotype import Genotype
from mbnas.study.drive.training_tasks import TrainingTasks
from mbnas.study.open_study import OpenStudy
from mbnas.training.run_training import run_training
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord
from mbnas.workers.executors import ProcessExecutor

INITIALISATIONS, WAVE = 3, 25
EPOCHS, WARMUP_SHARE, STEPS = 16, 1 / 8, 40
PATIENTS = 60
SETTINGS: dict[str, dict[str, Any]] = {
    "protocol": {"folds": FOLDS, "initialisations": INITIALISATIONS, "scored_fraction": 1.0},
    "preparation": {"slice_size": 32},
    "training": {
        "steps_per_epoch": STEPS,
        "threads": 1,
        "step": "eager",
        "fused": "off",
        "precision": "float32",
    },
    "run": {"device": "cpu", "measure": False},
}
"""Every epoch is validated, so that shorter trainings and other scores can be read from them."""


def main() -> None:
    """Train what the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--hours", type=float, default=float("inf"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--initialisations", type=int, default=INITIALISATIONS)
    parser.add_argument("--networks", type=int, help="only the first")
    parser.add_argument("--space", choices=("mixed", "modern"), default="mixed")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--folds", type=int, default=FOLDS, help="only the first")
    arguments = parser.parse_args()
    settings = settings_of(arguments.epochs, arguments.patients)
    deadline = time.monotonic() + 3600 * arguments.hours
    with (
        TemporaryDirectory() as directory,
        held_study(Path(directory, "study"), arguments.dataset, settings) as study,
        ProcessExecutor(arguments.workers) as executor,
    ):
        networks = dict(islice(networks_of(arguments.space).items(), arguments.networks))
        rows = read_rows(arguments.table)
        known = {(each.network, each.fold, each.initialisation) for each in rows}
        tasks = (
            each
            for each in _tasks(study, networks, arguments.initialisations)
            if place_of(each) not in known and each.fold < arguments.folds
        )
        running: dict[Future[TrainingRecord], TrainingTask] = {}
        while True:
            while len(running) < arguments.workers and time.monotonic() < deadline:
                if (task := next(tasks, None)) is None:
                    break
                running[executor.submit(run_training, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                rows.append(row_of(task, future.result(), networks))
                write_rows(arguments.table, rows)
                print(len(rows), task.architecture, f"{rows[-1].score():.4f}", flush=True)


def settings_of(epochs: int, patients: int = PATIENTS) -> dict[str, Any]:
    """Return the settings of a study whose trainings have so many epochs and patients."""
    length = {"epochs": epochs, "warmup_steps": round(WARMUP_SHARE * epochs * STEPS)}
    return SETTINGS | {
        "training": SETTINGS["training"] | length,
        "data": {"max_patients": patients},
    }


def _tasks(
    study: OpenStudy, networks: dict[Genotype, str], initialisations: int
) -> Iterator[TrainingTask]:
    """Yield all trainings: wave by wave of networks, and in a wave by initialisation."""
    make = TrainingTasks(protocol=study.protocol, slices=study.slices, device="cpu")
    ordered = list(networks)
    for start in range(0, len(ordered), WAVE):
        for initialisation in range(initialisations):
            for network in ordered[start : start + WAVE]:
                yield from make.of(network, [(initialisation, fold) for fold in range(FOLDS)])


def place_of(task: TrainingTask) -> tuple[Genotype, int, int]:
    """Return the network, the fold and the initialisation of a training."""
    assert isinstance(task.architecture, Genotype)
    return task.architecture, task.fold, task.initialisation


def row_of(task: TrainingTask, record: TrainingRecord, networks: Mapping[Genotype, str]) -> Row:
    """Return the row of a finished training."""
    if record.error is not None:
        raise RuntimeError(f"{task.key} failed: {record.error}")
    network, fold, initialisation = place_of(task)
    return Row(
        network=network,
        drawn=networks[network],
        fold=fold,
        initialisation=initialisation,
        attempts=record.attempts,
        seconds=record.wall_s,
        dice=tuple(float(np.nanmean(_known(each.class_dice))) for each in record.epochs),
    )


def _known(class_dice: tuple[float | None, ...] | None) -> list[float]:
    return [np.nan if each is None else each for each in class_dice or ()]


if __name__ == "__main__":
    main()
