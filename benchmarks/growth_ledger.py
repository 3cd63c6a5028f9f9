"""What a ledger costs by how many trainings it holds.

Opening it, recording one more training, the status in figures, the whole standing, resuming its
search, and its page with the page's size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measuring import summary
from scale_driver import PROTOCOL, TRAININGS_EACH, begun, budget_of, evaluator_of, fill
from scale_simulated import VirtualExecutor, World

from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import read_search
from mbnas.search.random_search import random_search
from mbnas.space.genotype import unet_genotype
from mbnas.study.configuration_layers import build
from mbnas.study.directory import Study
from mbnas.study.drive.driver import drive
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import read_status
from mbnas.study.progress.status_summary import read_status_summary
from mbnas.training.training_record import TrainingKey, TrainingRecord

NUM_EPOCHS = 24
"""Of every training, as under ``quick``."""

OPENINGS, RECORDINGS, STANDINGS = 5, 30, 2


def ledger_costs(directory: Path, num_trainings: int) -> dict[str, Any]:
    """Return seconds by what is done with a ledger of about that many trainings on a disk.

    Args:
        directory: Where the ledger is meanwhile.
        num_trainings: About how many trainings it holds.
    """
    num_networks = max(1, round(num_trainings / TRAININGS_EACH))
    world = World(seed=0, num_epochs=NUM_EPOCHS)
    with TemporaryDirectory(dir=directory) as inside:
        path = Path(inside, "ledger.sqlite")
        fill(path, world, random_search, num_networks)
        with Ledger.open(path) as ledger:
            for key, value in {
                "protocol": PROTOCOL.digest,
                "budget": str(num_networks),
                "state": "finished",
                "data": "0" * 16,
                "dataset name": "nowhere",
                "classes": '["a", "b"]',
            }.items():
                ledger.set_fact(key, value)
        opening = seconds_of(lambda: Ledger.open(path).close(), OPENINGS)
        with Ledger.open(path) as ledger:
            configuration = build({"dataset": "", "search": {"evaluations": num_networks}})
            study = Study(path=Path(inside), configuration=configuration)
            status = seconds_of(lambda: read_status_summary(ledger, configuration), STANDINGS)
            resuming = seconds_of(lambda: resume(ledger, world, num_networks), STANDINGS)
            page = seconds_of(
                lambda: write_report(read_search(study, ledger), study.report), STANDINGS
            )
            standing = seconds_of(lambda: read_status(ledger, configuration), STANDINGS)
            ledger.record_network(unet_genotype())
            records = iter([record_of(number, world) for number in range(RECORDINGS)])
            recording = seconds_of(lambda: ledger.record_training(next(records)), RECORDINGS)
        size_mb = path.stat().st_size / 1e6
        page_mb = study.report.stat().st_size / 1e6
    return {
        "trainings": num_networks * TRAININGS_EACH,
        "size_mb": size_mb,
        "opening_s": opening,
        "recording_s": recording,
        "status_s": status,
        "standing_s": standing,
        "resuming_s": resuming,
        "page_s": page,
        "page_mb": page_mb,
    }


def resume(ledger: Ledger, world: World, num_networks: int) -> None:
    """Run a finished search again from its seed, as when it resumes: all of it is known."""
    executor = VirtualExecutor(2)
    drive(
        lambda recorded: begun(random_search, world.seed),
        evaluator_of(ledger, executor, 2, world),
        ledger,
        budget=budget_of(num_networks),
    )


def record_of(number: int, world: World) -> TrainingRecord:
    """Return a training that the ledger does not hold."""
    key = TrainingKey(
        network=unet_genotype().digest,
        protocol=PROTOCOL.digest,
        fold=0,
        initialisation=number,
    )
    return TrainingRecord(
        key=key,
        score=0.8,
        wall_s=100.0,
        worker="nowhere",
        started_at="1970-01-01T00:00:00+00:00",
        epochs=world.epochs,
    )


def seconds_of(call: Callable[[], object], number: int) -> dict[str, float]:
    """Return the seconds of a number of calls, median and quartiles."""
    took = []
    for _ in range(number):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return summary(took)
