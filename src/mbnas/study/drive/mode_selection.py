"""How a study trains where that was left open: the fastest way, by a short measurement.

Precision, how a step is run, which trainings advance together and how many workers there are: each
in its turn, the simplest way first, and another only where it is faster by :data:`MARGIN`. What is
chosen holds for every training of the study, wherever it is resumed, as scores may depend on it by
their rounding. How many workers there are matters for no score, and holds for this machine alone.

A study that is too short for a measurement to pay, or with ``run.measure = false``, takes what is
fastest as a rule: bfloat16 where the device computes in it, eager steps, one training at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from mbnas.errors import MbnasError
from mbnas.network.build import build_network
from mbnas.network.cost.complexity import complexity
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.configuration import Configuration
from mbnas.study.drive.training_mode import ModeChoice, TrainingMode
from mbnas.study.drive.worker_pool import default_workers
from mbnas.training.device.device_setup import resolve_precision, take_device
from mbnas.training.device.processor import num_cores
from mbnas.training.device.step_speed import Rate, Workload, joined, measure_rate
from mbnas.training.protocol import Fusion, Protocol, StepMode, TrainingSettings, num_together
from mbnas.workers.executors import ProcessExecutor

MARGIN = 1.05
"""How many times as fast a way must be to be preferred to a simpler one."""

SECONDS = {"cpu": 1.5, "cuda": 3.0}
"""How long the steps of each way are timed, by kind of device."""

WORTH_S = {"cpu": 900.0, "cuda": 1800.0}
"""A study that takes less than that by a rough guess is not worth a measurement."""

_NOMINAL_MACS_PER_S = {"cpu": 2e10, "cuda": 1e13}  # of a core, of a GPU; for that guess alone
_PASSES = 3  # a backward pass costs two forward passes

Measure = Callable[[Workload, int], Rate]
"""Returns how fast a workload goes in so many workers at once, all of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeQuestion:
    """For which study a way is sought.

    Attributes:
        configuration: Of the study; its device is resolved.
        interface: What its networks must fit.
        num_slices: In all folds.
    """

    configuration: Configuration
    interface: Interface
    num_slices: int

    @property
    def kind(self) -> str:
        """The kind of device: ``cpu`` or ``cuda``, as which all others count."""
        return "cpu" if torch.device(self.configuration.run.device).type == "cpu" else "cuda"

    @property
    def architecture(self) -> Genotype:
        """The network that stands for all: the U-Net of the space's levels."""
        return unet_genotype(self.configuration.space.num_levels)

    @property
    def slices_a_network(self) -> float:
        """How many slices the trainings of one network see."""
        protocol, training = self.configuration.protocol, self.configuration.training
        in_training = self.num_slices * (protocol.folds - 1) / protocol.folds
        a_training = training.epochs * (
            training.steps_per_epoch * training.batch_size
            if training.steps_per_epoch
            else in_training
        )
        return float(a_training * protocol.folds * protocol.initialisations)

    def guessed_s(self) -> float:
        """Return very roughly how long the search takes on one core or GPU."""
        configuration = self.configuration
        cost = complexity(
            lambda: build_network(
                self.architecture,
                self.interface,
                base_channels=configuration.training.base_channels,
            ),
            self.interface,
        )
        slices = self.slices_a_network * configuration.search.evaluations
        return _PASSES * slices * cost.multiply_accumulates / _NOMINAL_MACS_PER_S[self.kind]

    def workload(self, way: TrainingMode) -> Workload:
        """Return what is trained to see how fast a way is."""
        configuration = self.configuration
        evaluation = configuration.protocol
        return Workload(
            architecture=self.architecture,
            protocol=Protocol(
                training=with_mode(configuration.training, way),
                augmentation=configuration.augmentation,
                preparation=configuration.preparation,
            ),
            interface=self.interface,
            trainings=num_together(
                way.fused, folds=evaluation.folds, initialisations=evaluation.initialisations
            ),
            device=configuration.run.device,
        )


def with_mode(training: TrainingSettings, way: TrainingMode) -> TrainingSettings:
    """Return settings that train in a way."""
    return replace(training, precision=way.precision, step=way.step, fused=way.fused)


def by_rule(configuration: Configuration) -> TrainingMode:
    """Return the way that is fastest as a rule, where a configuration leaves it open."""
    run, training = configuration.run, configuration.training
    return TrainingMode(
        precision=resolve_precision(training.precision, run.device),
        step="eager" if training.step == "auto" else training.step,
        fused="off" if training.fused == "auto" else training.fused,
        workers=run.workers or default_workers(configuration),
    )


def is_open(configuration: Configuration) -> bool:
    """Whether a configuration leaves open how to train."""
    run, training = configuration.run, configuration.training
    left = (training.precision, training.step, training.fused)
    return "auto" in left or (run.workers is None and run.executor == "processes")


def choose(question: ModeQuestion, tell: Callable[[str], object]) -> ModeChoice:
    """Return how a study trains, measured where that pays.

    Args:
        question: For which study.
        tell: Told before something is measured, as it takes a while.
    """
    configuration = question.configuration
    run = configuration.run
    worth = (
        is_open(configuration)
        and run.measure
        and run.executor != "ray"  # trainings run elsewhere
        and torch.device(run.device).type in ("cpu", "cuda")
        and question.guessed_s() > WORTH_S[question.kind]
    )
    if not worth:
        return ModeChoice(way=by_rule(configuration), device=run.device, cores=num_cores())
    tell("Measuring how this study trains fastest here: --set run.measure=false leaves that out.")
    with measuring(configuration, SECONDS[question.kind]) as measure:
        return fastest(question, measure)


def fastest(question: ModeQuestion, measure: Measure) -> ModeChoice:
    """Return the way that is fastest by a measurement, one thing varied after another."""
    configuration = question.configuration
    run, training = configuration.run, configuration.training
    seconds: dict[str, float | None] = {}
    troubles: dict[str, str] = {}

    def seconds_of(way: TrainingMode) -> float | None:
        """Return how long a network takes in a way, measured once."""
        name = str(way)
        if name not in seconds:
            try:
                rate = measure(question.workload(way), way.workers)
                seconds[name] = rate.seconds_for(question.slices_a_network)
            except (MbnasError, RuntimeError, OSError) as error:
                seconds[name], troubles[name] = None, str(error).splitlines()[0]
        return seconds[name]

    def best(ways: Sequence[TrainingMode]) -> TrainingMode:
        found = ways[0]
        for way in ways[1:]:
            before, after = seconds_of(found), seconds_of(way)
            if after is not None and (before is None or before > MARGIN * after):
                found = way
        return found

    way = replace(by_rule(configuration), workers=1)
    if training.precision == "auto" and way.precision == "bfloat16":
        way = best([replace(way, precision="float32"), way])
    if question.kind == "cuda":
        if training.step == "auto":
            modes: tuple[StepMode, ...] = ("eager", "graph", "compiled")
            way = best([replace(way, step=mode) for mode in modes])
        if training.fused == "auto":
            groups: tuple[Fusion, ...] = ("off", "folds")
            if configuration.search.dropped_below is None:  # a race asks for an initialisation
                groups += ("all",)
            way = best([replace(way, fused=group) for group in groups])
    if run.workers is None and run.executor == "processes":
        way = best([replace(way, workers=number) for number in _layouts(configuration)])
    else:
        way = replace(way, workers=by_rule(configuration).workers)
    return ModeChoice(
        way=way, seconds=seconds, troubles=troubles, device=run.device, cores=num_cores()
    )


def _layouts(configuration: Configuration) -> list[int]:
    """Return how many workers there may be, the usual number first."""
    usual = default_workers(configuration)
    if configuration.run.device.startswith("cuda"):
        return [usual, 2 * usual, 4 * usual]
    return sorted({usual, max(1, usual // 2)}, reverse=True)  # cores may share their units


@contextmanager
def measuring(configuration: Configuration, seconds: float) -> Iterator[Measure]:
    """Yield what measures workloads, in worker processes as trainings have them.

    Args:
        configuration: Where to train.
        seconds: How long the steps of a workload are timed.
    """
    most = max(_layouts(configuration))
    device = configuration.run.device
    executor = ProcessExecutor(
        most, initializer=take_device, slot_arguments=[(device, slot) for slot in range(most)]
    )

    def measure(workload: Workload, workers: int) -> Rate:
        if workers > 1:  # so that all are there when the first begins
            for waiting in [executor.submit(num_cores) for _ in range(most)]:
                waiting.result()
        calls = [executor.submit(measure_rate, workload, seconds) for _ in range(workers)]
        return joined([call.result() for call in calls])

    try:
        yield measure
    finally:
        executor.terminate()
