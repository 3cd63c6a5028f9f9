"""What does a search cost in addition to its training steps? An evaluation and a small search.

Both are the product's: searcher, driver, worker processes, ledger. Their wall time, times their
workers, is set against the time of as many bare steps (forward, loss, backward and Adam on a held
batch), measured for every training in the same number of equal workers. The difference is broken
down into parts.

    python benchmarks/evaluation.py --output benchmarks/results/evaluation.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evaluation_parts import ledger_seconds, parts_of_all
from measuring import described, machine, spread, summary, write
from studies import Settings, held_study, patients

from mbnas.study.drive.driver import SearchProgress
from mbnas.study.drive.run_search import run_search
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import worker_pool_of
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord

FOLDS, INITIALISATIONS = 2, 2
"""Two workers can share the trainings of a network evenly."""

PARTS = {
    "bare_s": "bare steps",
    "loop_s": "the rest of the loop: batches, augmentation",
    "validation_s": "validation",
    "loading_s": "loading slices",
    "training_s": "the rest of trainings: folds, network, head's bias",
    "start_s": "start of the workers",
    "waiting_s": "idle workers: driver, ledger, unequal ends",
}
"""Parts of the time of all workers; they add up to it."""

BESIDE = {
    "driver_s": "*processor time of the driver, meanwhile*",
    "ledger_s": "*recording all trainings in a ledger, as a part of waiting*",
}
"""What the driver does while its workers train."""


ABOUT = """\
Protocol `quick` with {folds} folds × {initialisations} initialisations, {epochs} epochs of {steps}
steps at {size}×{size}; {workers} worker processes of one thread; {rounds} rounds, median
(quartiles). Trainings are shorter than under `quick`, so that what is paid once weighs more.
"""


def main() -> None:
    """Measure evaluation and search, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="of both (default 2)")
    parser.add_argument("--networks", type=int, default=6, help="of the search (default 6)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--epochs", type=int, default=4, help="of a training (default 4)")
    parser.add_argument("--steps", type=int, default=20, help="of an epoch (default 20)")
    parser.add_argument("--size", type=int, default=48, help="side of a slice (default 48)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    sizes = {"one evaluation": 1, f"a search of {arguments.networks} networks": arguments.networks}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in sizes}
    with TemporaryDirectory() as temporary:
        for number in range(arguments.rounds):
            for name in list(sizes)[:: -1 if number % 2 else 1]:
                place = Path(temporary, f"{number}-{sizes[name]}")
                rounds[name].append(searched(place, settings_of(arguments, sizes[name]), arguments))
    results = {
        "machine": machine("cpu", 1),
        "sizes": {key: value for key, value in vars(arguments).items() if key != "output"},
        "headlines": [
            {"what": f"{name}: wall time / bare steps{but}", "value": ratio(of, without)}
            for name, of in rounds.items()
            for but, without in (("", 0.0), (", start of the workers left out", 1.0))
        ],
        "rounds": rounds,
    }
    write(results, markdown(results), arguments.output)


def settings_of(arguments: argparse.Namespace, networks: int) -> Settings:
    """Return ``quick`` scaled down; every network is known in advance, so no training is wasted."""
    return {
        "preparation": {"slice_size": arguments.size},
        "protocol": {"folds": FOLDS, "initialisations": INITIALISATIONS},
        "search": {"searcher": "random", "evaluations": networks},
        "training": {
            "epochs": arguments.epochs,
            "steps_per_epoch": arguments.steps,
            "warmup_steps": 0,
            "collapse_repeats": 0,
            "threads": 1,
        },
        "run": {"device": "cpu", "workers": arguments.workers},
    }


def searched(place: Path, settings: Settings, arguments: argparse.Namespace) -> dict[str, float]:
    """Run a search and return its wall time and the time of all workers, by parts.

    Args:
        place: The study's directory.
        settings: What differs from ``quick``.
        arguments: The command line's, with the numbers of workers and steps.
    """
    with held_study(place, patients(place.parent, 6), settings) as held:
        seconds = watched_search(held)
        records = held.ledger.trainings()
        assert all(record.error is None for record in records), records
        parts = parts_of_all(tasks_of(held, records), arguments.steps, arguments.workers)
        networks = [each.architecture for each in held.ledger.networks().values()]
        ledger_s = ledger_seconds(place / "again.sqlite", networks, records)
    num_steps = arguments.epochs * arguments.steps
    num_slices = num_steps * held.protocol.training.batch_size
    num_validations = arguments.epochs + 1 - held.protocol.first_scored_epoch
    bare_s = num_steps * sum(part["bare_step_s"] for part in parts)
    loop_s = sum(num_slices / (record.slices_per_s or 0.0) for record in records)
    validation_s = num_validations * sum(part["validation_s"] for part in parts)
    loading_s = sum(part["load_s"] for part in parts)
    trainings_s = sum(record.wall_s for record in records)
    workers_s = arguments.workers * seconds["wall_s"]
    return seconds | {
        "workers_s": workers_s,
        "bare_s": bare_s,
        "loop_s": loop_s - bare_s,
        "validation_s": validation_s,
        "loading_s": loading_s,
        "training_s": trainings_s - loop_s - validation_s - loading_s,
        "waiting_s": workers_s - seconds["start_s"] - trainings_s,
        "ledger_s": ledger_s,
        "trainings": len(records),
    }


def watched_search(held: OpenStudy) -> dict[str, float]:
    """Run a study's search and return what it took.

    Returns:
        ``wall_s``, the driver's processor time ``driver_s``, and ``start_s``: the time
        before each worker's first training, summed over workers.
    """
    starts: dict[str, float] = {}

    def watch(progress: SearchProgress) -> None:
        record = progress.trainings.finished
        if record is not None:
            starts.setdefault(record.worker, time.perf_counter() - wall - record.wall_s)

    wall, cpu = time.perf_counter(), time.process_time()
    with worker_pool_of(held.configuration) as worker_pool:
        run_search(held, watch=watch, worker_pool=worker_pool)
        wall_s, driver_s = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_s": wall_s, "driver_s": driver_s, "start_s": sum(starts.values())}


def tasks_of(held: OpenStudy, records: Sequence[TrainingRecord]) -> list[TrainingTask]:
    """Return the training tasks of a study's records."""
    networks = held.ledger.networks()
    return [
        TrainingTask(
            architecture=networks[record.key.network].architecture,
            protocol=held.protocol,
            fold=record.key.fold,
            initialisation=record.key.initialisation,
            slices=held.slices,
            device="cpu",
        )
        for record in records
    ]


def ratio(rounds: list[dict[str, float]], without_start: float) -> dict[str, float]:
    """Return the time of all workers over that of bare steps, round by round."""
    return summary(
        [(of["workers_s"] - without_start * of["start_s"]) / of["bare_s"] for of in rounds]
    )


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a page: ratios, and the time of all workers by parts."""
    sizes, rounds = results["sizes"], results["rounds"]
    lines = [
        "# A search and an evaluation compared with their bare training steps",
        "",
        described(results["machine"]),
        "",
        ABOUT.format(folds=FOLDS, initialisations=INITIALISATIONS, **sizes),
        "| | ratio |",
        "| --- | --- |",
        *(f"| {each['what']} | {spread(each['value'], 2)} |" for each in results["headlines"]),
        "",
        "Seconds of all workers together, the parts adding up to wall time times workers in every",
        "round. Bare steps, validation and loading were measured after the search; a part below",
        "zero says that they took longer then.",
        "",
        f"| part | {' | '.join(rounds)} |",
        "| --- |" + " --- |" * len(rounds),
    ]
    rows = {"workers_s": "**wall time × workers**"} | PARTS | BESIDE
    for key, name in rows.items():
        cells = [spread(summary([each[key] for each in of]), 2) for of in rounds.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
