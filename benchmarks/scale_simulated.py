"""Trainings that take no time: recorded durations, scores of a landscape, a virtual clock.

A training's duration is that of a recorded network, drawn by the genotype, times a recorded
training's ratio to its network's mean, drawn by the training. Some take much longer, and some lose
their worker halfway. All of it follows from a seed and the training's key.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heappop, heappush
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

from mbnas.errors import WorkerDied
from mbnas.seeds import derive_seed
from mbnas.space.genotype import Genotype
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import EpochRecord, TrainingKey, TrainingRecord

LEVEL_SD, CELL_SD, NOISE_SD = 0.004, 0.0012, 0.007
"""Of a node's step in levels, of its block, kernel or skip, and of one training's score.

The noise is about what two networks trained twice showed
(docs/results/archive/hippocampus.csv: 0.009) and the two arms of collapse-2026-11-23.json (0.006);
the effects are assumed."""

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """What recorded trainings took.

    Attributes:
        mean_s: Of each recorded network.
        ratios: Of each recorded training to its network's mean.
    """

    mean_s: tuple[float, ...]
    ratios: tuple[float, ...]


def recorded_durations() -> Durations:
    """Return those of the trainings under ``quick`` at 48 × 48 in this repository's results."""
    walls: dict[str, list[float]] = defaultdict(list)
    with (ROOT / "docs/results/archive/hippocampus.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            walls[row["network"]].append(float(row["wall_s"]))
    collapse = ROOT / "benchmarks/results/collapse-2026-11-23.json"
    for row in json.loads(collapse.read_text(encoding="utf-8")):
        walls[row["network"]].append(float(row["wall_s"]))
    return Durations(
        mean_s=tuple(map(fmean, walls.values())),
        ratios=tuple(wall / fmean(each) for each in walls.values() for wall in each),
    )


@dataclass(slots=True, kw_only=True)
class World:
    """Simulates trainings.

    Attributes:
        seed: What everything is drawn from.
        durations: To draw from.
        straggling: Share of the runs that take ``slowdown`` times as long.
        slowdown: By how much.
        dying: Share of the runs whose worker dies halfway.
        num_epochs: Epochs that every record carries.
        runs: How often each training was begun.
    """

    seed: int
    durations: Durations = field(default_factory=recorded_durations)
    straggling: float = 0.01
    slowdown: float = 10.0
    dying: float = 0.01
    num_epochs: int = 0
    runs: Counter[TrainingKey] = field(default_factory=Counter)

    def train(self, task: TrainingTask) -> TrainingRecord:
        """Return a training's record, at once; its ``wall_s`` says what it would have taken.

        Raises:
            WorkerDied: if its worker dies.
        """
        key = task.key
        self.runs[key] += 1
        run = str(key), self.runs[key]
        wall_s = self._wall_s(key) * (self.slowdown if self._is(self.straggling, *run) else 1.0)
        if self._is(self.dying, "death", *run):
            death = WorkerDied("A worker process was killed.")
            death.wall_s = wall_s / 2
            raise death
        assert isinstance(task.architecture, Genotype)
        return TrainingRecord(
            key=key,
            score=self.score(task.architecture, key.fold, key.initialisation),
            wall_s=wall_s,
            worker="nowhere",
            started_at="1970-01-01T00:00:00+00:00",
            epochs=self.epochs,
        )

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """What a record carries: the last fifth was validated."""
        return _epochs(self.num_epochs)

    def score(self, genotype: Genotype, fold: int, initialisation: int) -> float:
        """Return a training's score: its network's worth, and noise."""
        noise = _normal(self.seed, f"{genotype} {fold} {initialisation}")
        return self.worth(genotype) + NOISE_SD * noise

    def worth(self, genotype: Genotype) -> float:
        """Return a network's true score: every gene adds its part."""
        level, total = 0, 0.8
        for number, node in enumerate(genotype.nodes):
            total += LEVEL_SD * _effect(self.seed, f"level {number} {level} {node.level}")
            for gene in (f"skip {node.skip}", f"block {node.block}", f"kernel {node.kernel}"):
                total += CELL_SD * _effect(self.seed, f"{number} {gene}")
            level = node.level
        return total

    def _wall_s(self, key: TrainingKey) -> float:
        mean_s, ratios = self.durations.mean_s, self.durations.ratios
        network = derive_seed(self.seed, "cost", int(key.network, 16)) % len(mean_s)
        return mean_s[network] * ratios[derive_seed(self.seed, f"ratio {key}") % len(ratios)]

    def _is(self, share: float, what: str, *more: object) -> bool:
        return derive_seed(self.seed, f"{what} {more}") < share * 2**63


class VirtualExecutor(Executor):
    """Workers on a virtual clock, first come, first served; also where a dispatcher waits.

    A call says by its record, or by the error that it raises, how long it takes. Waiting for a
    call that is done advances the clock to the next one's end.

    Args:
        workers: How many calls run at a time, 1 or more.

    Attributes:
        now_s: The clock.
        runs: Every call that was begun: its training, begin, end, and whether it ended well.
    """

    def __init__(self, workers: int) -> None:
        self.now_s = 0.0
        self.runs: list[tuple[TrainingKey, float, float, bool]] = []
        self._workers = workers
        self._waiting: deque[tuple[Future[Any], Callable[..., Any], TrainingTask]] = deque()
        self._running: list[tuple[float, int, Future[Any], TrainingRecord | WorkerDied]] = []
        self._done: deque[Future[Any]] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a call run as soon as a worker is free."""
        future: Future[Any] = Future()
        self._waiting.append((future, fn, *args))
        self._begin()
        return future

    def put(self, item: Future[Any], /) -> None:
        """Add a future that is done."""
        self._done.append(item)

    def get(self) -> Future[Any]:
        """Take the first future that is done, once there is one."""
        while not self._done:
            self.now_s, _, future, outcome = heappop(self._running)
            if isinstance(outcome, WorkerDied):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
            self._begin()
        return self._done.popleft()

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._workers:
            future, function, task = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            outcome: TrainingRecord | WorkerDied
            try:
                outcome = function(task)
            except WorkerDied as death:
                outcome = death
            end_s = self.now_s + outcome.wall_s
            heappush(self._running, (end_s, len(self.runs), future, outcome))
            is_well = isinstance(outcome, TrainingRecord)
            self.runs.append((task.key, self.now_s, end_s, is_well))


@lru_cache(maxsize=1 << 16)
def _effect(seed: int, purpose: str) -> float:
    return _normal(seed, purpose)


def _normal(seed: int, purpose: str) -> float:
    return NormalDist().inv_cdf((derive_seed(seed, purpose) + 0.5) / 2**63)


@lru_cache(maxsize=4)
def _epochs(number: int) -> tuple[EpochRecord, ...]:
    first_validated = number - math.ceil(number / 5) + 1
    return tuple(
        EpochRecord(
            epoch=epoch,
            learning_rate=1e-3 * (1 - epoch / (number + 1)),
            loss=1 / epoch,
            class_dice=(0.8123, 0.7987) if epoch >= first_validated else None,
        )
        for epoch in range(1, number + 1)
    )
