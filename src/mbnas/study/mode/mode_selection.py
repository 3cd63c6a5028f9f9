"""The training mode of a study whose settings leave it open: the fastest, by a short measurement.

Precision, step, fusion and the number of workers are varied in this order, one at a time. The
simplest mode comes first, and another replaces it only if it is faster by :data:`MARGIN`. The
choice holds for all trainings of the study, because scores may depend on it through rounding. The
number of workers affects no score; it holds for this machine only.

A study that is too short for a measurement, or has ``run.measure = false``, takes the default:
bfloat16 where the device computes in it, eager steps, no fusion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.data.slices.tiles import num_covering, tile_corners
from mbnas.errors import MbnasError
from mbnas.network.build import build_network
from mbnas.network.cost.complexity import complexity
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.configuration import Configuration
from mbnas.study.mode.training_mode import ModeChoice, TrainingMode
from mbnas.study.pool.worker_pool import configured_workers, default_workers
from mbnas.training.device.device_setup import resolve_precision, take_device
from mbnas.training.device.processor import num_cores
from mbnas.training.device.step_speed import Rate, Workload, joined, measure_rate
from mbnas.training.protocol import Fusion, StepMode, TrainingSettings, num_together
from mbnas.workers.executors import ProcessExecutor

MARGIN = 1.05
"""How many times as fast a mode must be to be preferred to a simpler one."""

SECONDS = {"cpu": 1.5, "cuda": 3.0}
"""How long the steps of each mode are timed, by kind of device."""

SHORT_STUDY_S = {"cpu": 900.0, "cuda": 1800.0}
"""A study is not worth a measurement if it is estimated to take less, by kind of device."""

_NOMINAL_MACS_PER_S = {"cpu": 2e10, "cuda": 1e13}  # of a core, of a GPU; for that estimate only
_PASSES_PER_STEP = 3  # a backward pass costs two forward passes

MeasureRate = Callable[[Workload, int], Rate]
"""Returns the joint rate of a number of workers that train a workload at the same time."""


def num_in_pass(prepared: PreparedSlices, patch_size: int | None) -> int:
    """Return how many slices, or patches, one pass over all folds has."""
    return sum(
        each.num_labelled
        * (1 if patch_size is None else num_covering(each.plane.frame, patch_size))
        for each in prepared.volumes
        if not each.held_out
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeQuestion:
    """The study whose training mode is chosen.

    Attributes:
        configuration: Of the study; its device is resolved.
        interface: What its networks must fit.
        num_slices: Slices in all folds, or patches in a pass over them.
        num_tiles: Tiles of all slices in the folds, where slices are predicted by tiles.
    """

    configuration: Configuration
    interface: Interface
    num_slices: int
    num_tiles: int = 0

    @classmethod
    def of(
        cls, configuration: Configuration, interface: Interface, prepared: PreparedSlices
    ) -> ModeQuestion:
        """Return the question of a study with prepared slices."""
        side = configuration.preparation.patch_size
        num_tiles = 0
        if side is not None:
            num_tiles = sum(
                each.num_labelled * len(tile_corners(each.plane.frame, side))
                for each in prepared.volumes
                if not each.held_out
            )
        return cls(
            configuration=configuration,
            interface=interface,
            num_slices=num_in_pass(prepared, side),
            num_tiles=num_tiles,
        )

    @property
    def kind(self) -> str:
        """The kind of device: ``cpu``, or ``cuda`` for all others."""
        return "cpu" if torch.device(self.configuration.run.device).type == "cpu" else "cuda"

    @property
    def architecture(self) -> Genotype:
        """The network that is measured for all: the U-Net with the levels of the space."""
        return unet_genotype(self.configuration.space.num_levels)

    @property
    def slices_per_network(self) -> float:
        """How many slices the trainings of one network see.

        Tiles that are predicted for validation count by the passes of a step that they take.
        """
        protocol, training = self.configuration.protocol, self.configuration.training
        in_training = self.num_slices * (protocol.folds - 1) / protocol.folds
        a_training = training.epochs * (
            training.steps_per_epoch * training.batch_size
            if training.steps_per_epoch
            else in_training
        )
        scored = training.epochs - self._first_scored_epoch + 1
        validated = scored * self.num_tiles / _PASSES_PER_STEP  # each slice in one fold
        return float((a_training * protocol.folds + validated) * protocol.initialisations)

    @property
    def _first_scored_epoch(self) -> int:
        return self.configuration.protocol_for("").first_scored_epoch

    def estimated_s(self) -> float:
        """Return a very rough estimate of the search's duration on one core or GPU."""
        configuration = self.configuration
        cost = complexity(
            lambda: build_network(
                self.architecture,
                self.interface,
                base_channels=configuration.training.base_channels,
            ),
            self.interface,
        )
        slices = self.slices_per_network * configuration.search.evaluations
        return (
            _PASSES_PER_STEP * slices * cost.multiply_accumulates / _NOMINAL_MACS_PER_S[self.kind]
        )

    def workload(self, mode: TrainingMode) -> Workload:
        """Return the training that a mode is measured with."""
        configuration = self.configuration
        evaluation = configuration.protocol
        training = with_mode(configuration.training, mode)
        return Workload(
            architecture=self.architecture,
            protocol=replace(configuration, training=training).protocol_for(""),
            interface=self.interface,
            trainings=num_together(
                mode.fused, folds=evaluation.folds, initialisations=evaluation.initialisations
            ),
            device=configuration.run.device,
        )


def with_mode(training: TrainingSettings, mode: TrainingMode) -> TrainingSettings:
    """Return settings with a training mode."""
    return replace(training, precision=mode.precision, step=mode.step, fused=mode.fused)


def default_mode(configuration: Configuration) -> TrainingMode:
    """Return the mode without a measurement: defaults where a configuration leaves it open."""
    run, training = configuration.run, configuration.training
    return TrainingMode(
        precision=resolve_precision(training.precision, run.device),
        step="eager" if training.step == "auto" else training.step,
        fused="off" if training.fused == "auto" else training.fused,
        workers=configured_workers(configuration),
    )


def is_mode_open(configuration: Configuration) -> bool:
    """Whether a configuration leaves the training mode open."""
    run, training = configuration.run, configuration.training
    left = (training.precision, training.step, training.fused)
    return "auto" in left or (run.workers is None and run.executor == "processes")


def choose_mode(question: ModeQuestion, tell: Callable[[str], object] | None = None) -> ModeChoice:
    """Return the training mode of a study, measured if that is worthwhile.

    Args:
        question: The study.
        tell: Called before a measurement, which takes a while.
    """
    configuration = question.configuration
    run = configuration.run
    is_worthwhile = (
        is_mode_open(configuration)
        and run.measure
        and run.executor != "ray"  # trainings run elsewhere
        and torch.device(run.device).type in ("cpu", "cuda")
        and question.estimated_s() > SHORT_STUDY_S[question.kind]
    )
    if not is_worthwhile:
        return ModeChoice(mode=default_mode(configuration), device=run.device, cores=num_cores())
    if tell is not None:
        tell("Measuring the fastest training mode; --set run.measure=false skips this.")
    with measure_in_workers(configuration, SECONDS[question.kind]) as measure:
        return fastest_mode(question, measure)


def fastest_mode(question: ModeQuestion, measure: MeasureRate) -> ModeChoice:
    """Return the fastest mode by a measurement, with one setting varied after another."""
    configuration = question.configuration
    run, training = configuration.run, configuration.training
    seconds: dict[str, float | None] = {}
    errors: dict[str, str] = {}

    def seconds_of(mode: TrainingMode) -> float | None:
        """Return how long a network takes in a mode; measure each mode once."""
        name = str(mode)
        if name not in seconds:
            try:
                rate = measure(question.workload(mode), mode.workers)
                seconds[name] = rate.seconds_for(question.slices_per_network)
            except (MbnasError, RuntimeError, OSError) as error:
                seconds[name], errors[name] = None, str(error).splitlines()[0]
        return seconds[name]

    def best(modes: Sequence[TrainingMode]) -> TrainingMode:
        found = modes[0]
        for mode in modes[1:]:
            before, after = seconds_of(found), seconds_of(mode)
            if after is not None and (before is None or before > MARGIN * after):
                found = mode
        return found

    mode = replace(default_mode(configuration), workers=1)
    if training.precision == "auto" and mode.precision == "bfloat16":
        mode = best([replace(mode, precision="float32"), mode])
    if question.kind == "cuda":
        if training.step == "auto":
            modes: tuple[StepMode, ...] = ("eager", "graph", "compiled")
            mode = best([replace(mode, step=step) for step in modes])
        if training.fused == "auto":
            groups: tuple[Fusion, ...] = ("off", "folds")
            if (
                configuration.search.dropped_below is None
            ):  # racing asks for one initialisation at a time
                groups += ("all",)
            mode = best([replace(mode, fused=group) for group in groups])
    if run.workers is None and run.executor == "processes":
        mode = best([replace(mode, workers=number) for number in _worker_numbers(configuration)])
    else:
        mode = replace(mode, workers=default_mode(configuration).workers)
    return ModeChoice(
        mode=mode, seconds=seconds, errors=errors, device=run.device, cores=num_cores()
    )


def _worker_numbers(configuration: Configuration) -> list[int]:
    """Return the numbers of workers to try, the default first."""
    usual = default_workers(configuration)
    if configuration.run.device.startswith("cuda"):
        return [usual, 2 * usual, 4 * usual]
    return sorted({usual, max(1, usual // 2)}, reverse=True)  # cores may share arithmetic units


@contextmanager
def measure_in_workers(configuration: Configuration, seconds: float) -> Iterator[MeasureRate]:
    """Yield a function that measures workloads in worker processes.

    Args:
        configuration: Says where to train.
        seconds: How long the steps of a workload are timed.
    """
    most = max(_worker_numbers(configuration))
    device = configuration.run.device
    executor = ProcessExecutor(
        most, initializer=take_device, slot_arguments=[(device, slot) for slot in range(most)]
    )

    def measure(workload: Workload, workers: int) -> Rate:
        if workers > 1:  # so that all have started when the first begins
            for waiting in [executor.submit(num_cores) for _ in range(most)]:
                waiting.result()
        calls = [executor.submit(measure_rate, workload, seconds) for _ in range(workers)]
        return joined([call.result() for call in calls])

    try:
        yield measure
    finally:
        executor.terminate()
