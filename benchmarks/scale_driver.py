"""What the driver itself costs a training, with a long history in the ledger.

The ledger is filled with a finished search, in bulk; the search then continues, with simulated
trainings that take no real time. The time between two records is the driver's.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from statistics import fmean, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from scale_simulated import VirtualExecutor, World

from mbnas.search.limit import Budget, limited
from mbnas.search.searcher import Search, Searcher
from mbnas.seeds import generator
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space
from mbnas.study.drive.driver import SearchProgress, drive
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.rows import training_values
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import Protocol
from mbnas.training.training_record import TrainingKey, TrainingRecord

PROTOCOL = Protocol()
FOLDS, INITIALISATIONS = PROTOCOL.evaluation.folds, PROTOCOL.evaluation.initialisations
TRAININGS_EACH = FOLDS * INITIALISATIONS
NUM_EPOCHS = PROTOCOL.training.epochs


def begun(search: Search, seed: int) -> Searcher:
    """Return a search of the whole space."""
    return search(Space(), generator(seed, "search"), None)


def budget_of(num_networks: int) -> Budget:
    """Return the budget of a number of networks."""
    return Budget(initialisations=num_networks * INITIALISATIONS, per_network=INITIALISATIONS)


def evaluator_of(
    ledger: Ledger, executor: VirtualExecutor, slots: int, world: World, racing: float | None = None
) -> Evaluator:
    """Return the real evaluator, at a simulated worker pool."""
    return Evaluator(
        ledger,
        WorkerPool(executor=executor, slots=slots, train=world.train, completions=executor),
        protocol=PROTOCOL,
        slices=Path("slices"),
        device="cpu",
        initialisations=range(INITIALISATIONS),
        racing=racing,
    )


def fill(path: Path, world: World, search: Search, num_networks: int) -> None:
    """Write the ledger of a search that has evaluated a number of networks, in one transaction."""
    Ledger.create(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        _fill_networks(connection, world, search, num_networks)
        connection.execute("CREATE TEMP TABLE shared (epoch, learning_rate, loss, class_dice)")
        connection.executemany(
            "INSERT INTO shared VALUES (?, ?, ?, ?)",
            [
                (each.epoch, each.learning_rate, each.loss, each.class_dice and "[0.8123, 0.7987]")
                for each in world.epochs
            ],
        )
        connection.execute(
            "INSERT INTO epochs SELECT id, epoch, learning_rate, loss, class_dice "
            "FROM trainings, shared ORDER BY id, epoch"
        )
        connection.execute("COMMIT")


def _fill_networks(
    connection: sqlite3.Connection, world: World, search: Search, num_networks: int
) -> None:
    scores: dict[Genotype, float] = {}
    searcher = limited(begun(search, world.seed), num_networks)
    with suppress(StopIteration):
        batch = next(searcher)
        for batch_number in count(1):
            for genotype in dict.fromkeys(batch.genotypes):
                if genotype in scores:
                    continue
                records = _records(world, genotype)
                scores[genotype] = fmean(each.score or 0.0 for each in records)
                incumbent = batch.incumbent and batch.incumbent.digest
                connection.execute(
                    "INSERT INTO networks (digest, architecture) VALUES (?, ?)",
                    (genotype.digest, str(genotype)),
                )
                connection.execute(
                    "INSERT INTO evaluations (number, network, why, incumbent, asked_at, batch) "
                    "VALUES (?, ?, ?, ?, '', ?)",
                    (len(scores), genotype.digest, batch.why, incumbent, batch_number),
                )
                for record in records:
                    values = training_values(record)
                    connection.execute(
                        f"INSERT INTO trainings ({', '.join(values)}) "
                        f"VALUES ({', '.join('?' * len(values))})",
                        tuple(values.values()),
                    )
            batch = searcher.send([scores[each] for each in batch.genotypes])


def _records(world: World, genotype: Genotype) -> list[TrainingRecord]:
    first = TrainingRecord(
        key=TrainingKey(
            network=genotype.digest, protocol=PROTOCOL.digest, fold=0, initialisation=0
        ),
        score=0.0,
        wall_s=100.0,
        worker="nowhere",
        started_at="1970-01-01T00:00:00+00:00",
    )
    return [
        replace(
            first,
            key=replace(first.key, fold=fold, initialisation=initialisation),
            score=world.score(genotype, fold, initialisation),
        )
        for initialisation in range(INITIALISATIONS)
        for fold in range(FOLDS)
    ]


def driver_costs(
    directory: Path,
    search: Search,
    *,
    num_networks: int,
    further: int,
    workers: int,
    speculate: bool = True,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what the driver costs where a ledger holds a search of a number of networks.

    Args:
        directory: Where the ledger is meanwhile.
        search: How it searches.
        num_networks: In the ledger at the start, all trained.
        further: Networks that are evaluated then.
        workers: Trainings at a time.
        speculate: Whether free workers get what may come next.
        seed: Of the search and the world.
    """
    world = World(seed=seed, num_epochs=NUM_EPOCHS)
    with TemporaryDirectory(dir=directory) as inside:
        path = Path(inside, "ledger.sqlite")
        if num_networks:
            fill(path, world, search, num_networks)
        stamps: list[tuple[float, float]] = []

        def watch(progress: SearchProgress) -> None:
            if progress.trainings.finished is not None:
                stamps.append((time.perf_counter(), time.process_time()))

        executor = VirtualExecutor(workers)
        clock = _Clock()
        with Ledger.open(path) if num_networks else Ledger.create(path) as ledger:
            opened_s = clock.lap()
            evaluator = evaluator_of(ledger, executor, workers, world)
            read_s = clock.lap()
            drive(
                lambda recorded: begun(search, seed),
                evaluator,
                ledger,
                budget=budget_of(num_networks + further),
                watch=watch,
                speculate="possible" if speculate else "nothing",
            )
        began = clock.last
        size_mb = path.stat().st_size / 1e6
    return {
        "trainings_before": num_networks * TRAININGS_EACH,
        "workers": workers,
        "speculate": speculate,
        "open_s": opened_s,
        "read_s": read_s,
        "replay_s": stamps[0][0] - began[0],
        "trainings": len(stamps),
        "wall_ms": _spread([stamp[0] for stamp in stamps]),
        "cpu_ms": _spread([stamp[1] for stamp in stamps]),
        "ledger_mb": size_mb,
    }


class _Clock:
    """Laps of wall time."""

    def __init__(self) -> None:
        self.last = (time.perf_counter(), time.process_time())

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        before, self.last = self.last, (time.perf_counter(), time.process_time())
        return self.last[0] - before[0]


def _spread(stamps: list[float]) -> dict[str, float]:
    """Return the mean, median, quartiles and 95th percentile between stamps, in milliseconds."""
    took = [1000 * (after - before) for before, after in pairwise(stamps)]
    cuts = quantiles(took, n=20)
    return {
        "mean": fmean(took),
        "quartile": cuts[4],
        "median": cuts[9],
        "upper_quartile": cuts[14],
        "percentile_95": cuts[18],
        "largest": max(took),
    }
