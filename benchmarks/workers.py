"""How many trainings an hour? Processes against threads on the same cores, Ray against processes.

Every place of trainings runs the same trainings of the U-Net genotype, in turn, so that other
load on the machine affects all. Places start before the first round, and their workers have
loaded the slices by then. A round's ratio is of trainings per hour: above 1, the first is faster.

    python benchmarks/workers.py --output benchmarks/results/workers.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from measuring import machine, spread, summary, write
from studies import Settings, held_study, patients

from mbnas.space.genotype import unet_genotype
from mbnas.study.configuration import Configuration
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import WorkerPool, worker_pool_of
from mbnas.training.task import TrainingTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trainings run: how many at a time, and the threads of each."""

    executor: Literal["processes", "ray"]
    workers: int
    threads: int


PLACES = {
    "one process, two threads": Place(executor="processes", workers=1, threads=2),
    "two processes": Place(executor="processes", workers=2, threads=1),
    "Ray, two workers": Place(executor="ray", workers=2, threads=1),
}
RATIOS = (
    ("two processes", "one process, two threads"),
    ("Ray, two workers", "two processes"),
)


def main() -> None:
    """Measure every place, write JSON and a table next to it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each place (default 5)")
    parser.add_argument("--trainings", type=int, default=4, help="in a round (default 4)")
    parser.add_argument("--epochs", type=int, default=4, help="of 30 steps (default 4)")
    parser.add_argument(
        "--dataset", type=Path, metavar="DIR", help="default: six synthetic prostates"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        held = stack.enter_context(study_of(arguments))
        places = {
            name: stack.enter_context(worker_pool_of(configured(held.configuration, place)))
            for name, place in PLACES.items()
        }
        rounds: dict[str, list[float]] = {name: [] for name in PLACES}
        for number in range(1 + arguments.rounds):
            for name, place in places.items():
                wall_s = timed(place, tasks_of(held, PLACES[name], arguments.trainings))
                if number > 0:  # before the first, workers start and load the slices
                    rounds[name].append(wall_s)
        measured = results(held, rounds, arguments)
    write(measured, markdown(measured), arguments.output)


@contextmanager
def study_of(arguments: argparse.Namespace) -> Iterator[OpenStudy]:
    """Yield a study open for trainings, with slices of 48×48 pixels, and delete it afterwards."""
    settings: Settings = {
        "preparation": {"slice_size": 48},
        "training": {
            "epochs": arguments.epochs,
            "steps_per_epoch": 30,
            "warmup_steps": 0,
            "collapse_repeats": 0,
        },
        "run": {"device": "cpu"},
    }
    with TemporaryDirectory() as temporary:
        place = Path(temporary)
        dataset = arguments.dataset or patients(place, 6)
        with held_study(place / "study", dataset, settings) as held:
            yield held


def configured(configuration: Configuration, place: Place) -> Configuration:
    """Return a configuration whose trainings run at a place."""
    return replace(
        configuration,
        run=replace(configuration.run, executor=place.executor, workers=place.workers),
        training=replace(configuration.training, threads=place.threads),
    )


def tasks_of(held: OpenStudy, place: Place, trainings: int) -> list[TrainingTask]:
    """Return the trainings of a round: the same at all places but for their threads."""
    training = replace(held.protocol.training, threads=place.threads)
    protocol = replace(held.protocol, training=training)
    return [
        TrainingTask(
            architecture=unet_genotype(),
            protocol=protocol,
            fold=number % protocol.evaluation.folds,
            initialisation=number // protocol.evaluation.folds,
            slices=held.slices,
            device="cpu",
        )
        for number in range(trainings)
    ]


def timed(place: WorkerPool, tasks: list[TrainingTask]) -> float:
    """Return the seconds that a place takes for some trainings."""
    start = time.perf_counter()
    records = [
        future.result() for future in [place.executor.submit(place.train, task) for task in tasks]
    ]
    wall_s = time.perf_counter() - start
    assert all(record.error is None for record in records), records
    return wall_s


def results(
    held: OpenStudy, rounds: dict[str, list[float]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return all rounds and their summary."""
    per_hour = {
        name: [3600 * arguments.trainings / wall_s for wall_s in walls]
        for name, walls in rounds.items()
    }
    training = held.protocol.training
    ratios = [
        {"of": first, "to": second} | summary(np.divide(per_hour[first], per_hour[second]).tolist())
        for first, second in RATIOS
    ]
    return {
        "machine": {key: value for key, value in machine("cpu", 0).items() if key != "threads"},
        "headlines": [
            {"what": f"trainings an hour: {each['of']} / {each['to']}", "value": each}
            for each in ratios
        ],
        "training": {
            "network": str(unet_genotype()),
            "dataset": held.ledger.facts()["dataset name"],
            "slice_size": held.protocol.preparation.slice_size,
            "base_channels": training.base_channels,
            "batch_size": training.batch_size,
            "steps": training.epochs * (training.steps_per_epoch or 0),
            "precision": training.precision,
        },
        "trainings_per_round": arguments.trainings,
        "rounds_wall_s": rounds,
        "trainings_per_hour": {name: summary(rates) for name, rates in per_hour.items()},
        "ratios": ratios,
    }


def markdown(measured: dict[str, Any]) -> str:
    """Return the results as a page: the machine, a row for each place, and their ratios."""
    lines = ["# Trainings per hour: processes, threads and Ray", ""]
    for about in (measured["machine"], measured["training"]):
        lines += [", ".join(f"{key.replace('_', ' ')} {it}" for key, it in about.items()) + ".", ""]
    lines += [
        f"{measured['trainings_per_round']} trainings a round, places in turn; median (quartiles).",
        "",
        "| place | trainings per hour |",
        "| --- | --- |",
    ]
    for name, rate in measured["trainings_per_hour"].items():
        low, median, high = rate["lower_quartile"], rate["median"], rate["upper_quartile"]
        lines.append(f"| {name} | {median:.0f} ({low:.0f}–{high:.0f}) |")
    lines += ["", "| ratio, round by round | |", "| --- | --- |"]
    lines += [f"| {each['of']} / {each['to']} | {spread(each)} |" for each in measured["ratios"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
