"""One training, or one evaluation, under the paper's protocol, run as a search runs it.

The network is the U-Net and the data are 48 synthetic patients of 12 to 13 slices, of which four
folds hold about 480, as many as the paper's prostate dataset trains on. What these slices show is
easier than real data: the scores only say that the network learns. If a hundred epochs do not fit
into the time budget, fewer are run and the time is extrapolated; the results say so.

    python benchmarks/gpu_protocol.py training --output training.json
    python benchmarks/gpu_protocol.py evaluation --mode fused --output evaluation.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from gpu import CPU_MODES, FOLDS, MODES, MeasuredMode
from measuring import machine
from studies import Settings, held_study, patients

from mbnas.space.genotype import unet_genotype
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import worker_pool_of
from mbnas.training.device.device_setup import resolve_device
from mbnas.training.protocol import Fusion
from mbnas.training.run_training import run_training
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord

NUM_PATIENTS, EPOCHS, PROBE_EPOCHS = 48, 100, 2

TOY: Settings = {
    "protocol": {"folds": 2, "initialisations": 1},
    "training": {"base_channels": 4, "batch_size": 4},
    "preparation": {"slice_size": 32},
}
"""With 4 patients, a protocol for dry runs."""


def main() -> None:
    """Run the training or the evaluation and write its results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("training", "evaluation"))
    parser.add_argument("--device", default="auto", help="default: a GPU if there is one")
    parser.add_argument("--mode", choices=MODES, default="single", help="default single")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds (default 60)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="at most (default 100)")
    parser.add_argument("--quick", action="store_true", help="a toy protocol, for dry runs")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    start = time.perf_counter()
    device = resolve_device(arguments.device)
    with TemporaryDirectory() as temporary:
        dataset = patients(Path(temporary), 4 if arguments.quick else NUM_PATIENTS)
        runs = Runs(Path(temporary), dataset, arguments, device, start + arguments.budget)
        results = runs.training() if arguments.what == "training" else runs.evaluation()
    results |= {"machine": machine(device), "mode": arguments.mode, "quick": arguments.quick}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1))


class Runs:
    """Trainings and evaluations of the U-Net on one dataset, each in a new study."""

    def __init__(
        self,
        directory: Path,
        dataset: Path,
        arguments: argparse.Namespace,
        device: str,
        deadline: float,
    ) -> None:
        self._directory = directory
        self._dataset = dataset
        self._arguments = arguments
        self._device = device
        self._deadline = deadline

    @property
    def _mode(self) -> MeasuredMode:
        modes = MODES if self._device.startswith("cuda") else CPU_MODES
        return modes[self._arguments.mode]

    def training(self) -> dict[str, Any]:
        """Return the time, speed and score of a training: the first fold and initialisation."""
        with self._study(PROBE_EPOCHS) as study:
            task = TrainingTask(
                architecture=unet_genotype(),
                protocol=study.protocol,
                fold=0,
                initialisation=0,
                slices=study.slices,
                device=self._device,
            )
            run_timed(task, PROBE_EPOCHS)  # loads slices and libraries
            _, probe_s = run_timed(task, PROBE_EPOCHS)
            epochs = self._affordable_epochs(probe_s)
            record, wall_s = run_timed(task, epochs)
        return summary_of([record], epochs, wall_s, record.wall_s)

    def evaluation(self) -> dict[str, Any]:
        """Return the time, speed and score of an evaluation: all folds and initialisations."""
        _, probe_s = self._evaluate(PROBE_EPOCHS)
        epochs = self._affordable_epochs(probe_s)
        records, wall_s = self._evaluate(epochs)
        trainings_s = sum(record.wall_s for record in records) / self._mode.processes
        return summary_of(records, epochs, wall_s, trainings_s)

    def _affordable_epochs(self, probe_s: float) -> int:
        """Return how many epochs fit into nine tenths of the time left, by the probe's duration."""
        left_s = 0.9 * (self._deadline - time.perf_counter())
        affordable = int(PROBE_EPOCHS * left_s / probe_s)
        return max(PROBE_EPOCHS, min(self._arguments.epochs, affordable))

    def _evaluate(self, epochs: int) -> tuple[Sequence[TrainingRecord], float]:
        """Return the records of all trainings of an evaluation, and its duration in seconds."""
        with self._study(epochs) as study, worker_pool_of(study.configuration) as pool:
            start = time.perf_counter()
            study.search_evaluator(pool).train([unet_genotype()])
            wall_s = time.perf_counter() - start
            return checked(study.ledger.trainings()), wall_s

    @contextmanager
    def _study(self, epochs: int) -> Iterator[OpenStudy]:
        mode = self._mode
        fused: Fusion = {1: "off", FOLDS: "folds"}.get(mode.trainings, "all")
        settings: Settings = {
            section: dict(values) for section, values in TOY.items() if self._arguments.quick
        }
        settings.setdefault("training", {}).update(step=mode.step, fused=fused, epochs=epochs)
        settings["run"] = {"device": self._device, "workers": mode.processes, "measure": False}
        with (
            TemporaryDirectory(dir=self._directory) as temporary,
            held_study(Path(temporary, "study"), self._dataset, settings, preset="paper") as study,
        ):
            yield study


def run_timed(task: TrainingTask, epochs: int) -> tuple[TrainingRecord, float]:
    """Return the record of a training of some epochs, and its duration in seconds."""
    training = replace(task.protocol.training, epochs=epochs)
    start = time.perf_counter()
    record = run_training(replace(task, protocol=replace(task.protocol, training=training)))
    return checked([record])[0], time.perf_counter() - start


def checked(records: Sequence[TrainingRecord]) -> Sequence[TrainingRecord]:
    """Return the records.

    Raises:
        RuntimeError: if a training failed.
    """
    for record in records:
        if record.error is not None:
            raise RuntimeError(f"A training failed: {record.error}")
    return records


def extrapolated(trainings_s: float, wall_s: float, epochs: int) -> float:
    """Return the duration with the paper's epochs; what is not training is paid once.

    Args:
        trainings_s: Duration of the trainings themselves, in seconds.
        wall_s: Duration of all, start of the workers included.
        epochs: How many epochs were run.

    >>> extrapolated(20.0, 30.0, 20)
    110.0
    """
    return max(0.0, wall_s - trainings_s) + trainings_s * EPOCHS / epochs


def summary_of(
    records: Sequence[TrainingRecord], epochs: int, wall_s: float, trainings_s: float
) -> dict[str, Any]:
    """Return what the results say of some trainings.

    Args:
        records: The trainings.
        epochs: The epochs of each.
        wall_s: Duration of all of them.
        trainings_s: Duration of the trainings themselves.
    """
    return {
        "trainings": len(records),
        "epochs": epochs,
        "wall_s": round(wall_s, 2),
        "wall_s_of_100_epochs": round(extrapolated(trainings_s, wall_s, epochs), 2),
        "is_extrapolated": epochs != EPOCHS,
        "slices_per_s": round(fmean(record.slices_per_s or 0.0 for record in records), 1),
        "dice": round(fmean(record.score or 0.0 for record in records), 4),
    }


if __name__ == "__main__":
    main()
