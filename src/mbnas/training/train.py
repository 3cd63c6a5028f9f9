"""One training: one network, one fold, one initialisation.

The same task gives the same weights bit for bit on one machine and device, whatever else
runs there: its seeds follow from its key, its threads and precision are settings, and
nothing is shared with other trainings but the read-only slices. Seeds do not depend on
the network, so networks are compared on the same batches and augmentations.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.data.folds import make_folds
from mbnas.data.slices import PreparedSlices
from mbnas.errors import OutOfMemory, TrainingError
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network, output_layer
from mbnas.pulse import beat
from mbnas.scoring.metrics import OverlapCounts, mean_defined
from mbnas.seeds import derive_seed, generator
from mbnas.training.device import (
    flushing_subnormals,
    prepare_process,
    worker_name,
)
from mbnas.training.loading import load_slices
from mbnas.training.loop import TrainingLoop
from mbnas.training.protocol import Protocol
from mbnas.training.record import EpochRecord, TrainingKey, TrainingRecord, VolumeRecord
from mbnas.training.shortage import free_caches, memory_errors
from mbnas.training.source import SliceSource
from mbnas.training.validate import count_overlap

Measure = Literal["nothing", "volumes", "volumes and predictions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTask:
    """All that a worker needs for one training; small, and picklable.

    Attributes:
        architecture: The network.
        protocol: Every choice the score depends on, precision resolved.
        fold: Which fold validates, from 0.
        initialisation: Which initialisation, from 0.
        slices: Directory of the prepared slices.
        device: Where to train, as torch names it.
        measure: Whether the trained network is to be measured on the volumes of its
            validation and of held-out patients, and whether to keep its predictions of them.
        memory_bytes: How much memory of its device it is predicted to need
            (:mod:`mbnas.training.memory`); ``None`` where that is not known.
        alone: Whether no other training may run on its device meanwhile.
    """

    architecture: Architecture
    protocol: Protocol
    fold: int
    initialisation: int
    slices: Path
    device: str
    measure: Measure = "nothing"
    memory_bytes: int | None = None
    alone: bool = False

    @property
    def key(self) -> TrainingKey:
        """The training's name in the ledger."""
        return TrainingKey(
            network=self.architecture.digest,
            protocol=self.protocol.digest,
            fold=self.fold,
            initialisation=self.initialisation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of the loop from one initialisation.

    Attributes:
        network: As trained.
        epochs: One record per epoch.
        score: Mean Dice over the scored epochs.
        collapsed: Classes that are in the reference and that no scored epoch predicted.
        slices_per_s: Training slices per second, validation left out.
    """

    network: nn.Module
    epochs: tuple[EpochRecord, ...]
    score: float
    collapsed: tuple[int, ...]
    slices_per_s: float


def run_training(task: TrainingTask) -> TrainingRecord:
    """Return a training's record; one that cannot be finished carries its error.

    A collapsed training is repeated from another initialisation as often as the protocol
    says, and the best attempt counts; one that fails does not undo those before it. But where
    one fails for want of memory, which others on the device may have had, the whole training
    does, unless it had the device to itself: what counts must not depend on who else was there.

    Raises:
        OutOfMemory: if memory ran out. This process can go on with other trainings.
    """
    start = time.monotonic()
    try:
        return _run_training(task)
    except OutOfMemory as error:
        error.wall_s, error.worker = time.monotonic() - start, worker_name(task.device)
        raise
    finally:
        free_caches(task.device)


def _run_training(task: TrainingTask) -> TrainingRecord:
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    start = time.perf_counter()
    settings = task.protocol.training
    prepare_process(settings.threads)
    attempts: list[Attempt] = []
    num_started = 0
    record = TrainingRecord(
        key=task.key,
        score=None,
        error="not run",
        wall_s=0.0,
        worker=worker_name(task.device),
        started_at=started_at,
    )
    try:
        with memory_errors(task.device):
            data = load_slices(task.slices, task.device, settings.slice_precision)
            beat()
            while num_started <= settings.collapse_repeats:
                num_started += 1
                attempts.append(train_once(task, data, attempt=num_started - 1))
                if not attempts[-1].collapsed:
                    break
    except OutOfMemory:
        if not (attempts and task.alone):
            raise
    except TrainingError as error:
        if not attempts:
            return replace(record, error=str(error), wall_s=time.perf_counter() - start)
    best = max(attempts, key=lambda attempt: (-len(attempt.collapsed), attempt.score))
    wall_s = time.perf_counter() - start
    try:
        with memory_errors(task.device):
            volumes = _final_measures(task, data, best.network)
    except OutOfMemory:
        raise
    except TrainingError as error:
        return replace(record, error=str(error), wall_s=wall_s)
    return replace(
        record,
        score=best.score,
        error=None,
        collapsed=best.collapsed,
        attempts=num_started,
        wall_s=wall_s,
        slices_per_s=best.slices_per_s,
        epochs=best.epochs,
        volumes=volumes,
    )


def _final_measures(
    task: TrainingTask, data: SliceSource, network: nn.Module
) -> tuple[VolumeRecord, ...]:
    if task.measure == "nothing":
        return ()
    protocol = task.protocol
    folds = make_folds(data.patients, protocol.evaluation.folds, seed=protocol.seed)
    # MONAI's surface distances are imported by those alone who need them: it takes seconds.
    from mbnas.training.measure import measure_volumes

    return measure_volumes(
        network,
        PreparedSlices.open(task.slices),
        data,
        frozenset(folds[task.fold].validation) | frozenset(data.held_out_patients),
        precision=protocol.training.precision,
        keep_predictions=task.measure == "volumes and predictions",
    )


@flushing_subnormals()
def train_once(task: TrainingTask, data: SliceSource, *, attempt: int = 0) -> Attempt:
    """Train from one initialisation, to the end.

    Args:
        task: What to train.
        data: Its slices, on its device.
        attempt: Which attempt, from 0; each has an initialisation and batches of its own.

    Raises:
        TrainingError: if the loss stops being finite, or no class of the validation patients
            has a defined Dice.
    """
    protocol, settings = task.protocol, task.protocol.training
    folds = make_folds(data.patients, protocol.evaluation.folds, seed=protocol.seed)
    training_slices, validation_slices = data.split(folds[task.fold])
    network, loop = begin_training(task, data, training_slices, attempt=attempt)
    epochs: list[EpochRecord] = []
    counts: list[OverlapCounts] = []
    training_s = 0.0
    for epoch in range(1, settings.epochs + 1):
        start = time.perf_counter()
        mean_loss = loop.run_epoch()
        training_s += time.perf_counter() - start
        class_dice = None
        if not np.isfinite(mean_loss):
            raise TrainingError(
                f"The loss stopped being finite (={mean_loss}) in epoch {epoch} of "
                f"{settings.epochs}: try a smaller training.learning_rate or float32."
            )
        if epoch >= protocol.first_scored_epoch:
            counts.append(count_overlap(network, data, validation_slices, settings.precision))
            class_dice = counts[-1].class_dice()
        epochs.append(
            EpochRecord(
                epoch=epoch,
                learning_rate=loop.learning_rate,
                loss=mean_loss,
                class_dice=class_dice,
            )
        )
    return Attempt(
        network=network,
        epochs=tuple(epochs),
        score=_score(epochs, task.fold),
        collapsed=collapsed_classes(counts),
        slices_per_s=loop.step * settings.batch_size / training_s,
    )


def begin_training(
    task: TrainingTask,
    data: SliceSource,
    training_slices: Int[np.ndarray, " training"],
    *,
    attempt: int = 0,
) -> tuple[nn.Module, TrainingLoop]:
    """Return a task's network with random weights, on its device, and the loop that trains it.

    Args:
        task: What to train.
        data: Its slices, on its device.
        training_slices: Indices of those to learn from.
        attempt: Which attempt, from 0.
    """
    protocol = task.protocol
    network = initialised_network(task, data, attempt)
    if protocol.training.head_bias == "class-frequencies":
        bias_head_to_frequencies(
            output_layer(network, data.num_classes),
            data.class_counts(training_slices),
        )
    network.to(task.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = generator(protocol.seed, "batches", task.fold, task.initialisation, attempt)
    return network, TrainingLoop(network, data, training_slices, protocol, rng)


def initialised_network(task: TrainingTask, data: SliceSource, attempt: int) -> nn.Module:
    """Return a task's network with random weights, the same for the same task and attempt."""
    with torch.random.fork_rng(devices=[]):  # weights are drawn on the CPU alone
        seed = task.protocol.seed
        index = (task.fold, task.initialisation, attempt)
        torch.default_generator.manual_seed(derive_seed(seed, "initialisation", *index))
        return build_network(
            task.architecture,
            in_channels=data.in_channels,
            num_classes=data.num_classes,
            base_channels=task.protocol.training.base_channels,
        )


def bias_head_to_frequencies(head: nn.Conv2d, class_counts: Int[np.ndarray, " classes"]) -> None:
    """Set the head's bias so that, before training, it predicts how frequent each class is.

    Without it the first steps teach a network with few last features to say "background"
    by switching them all off; pixels of a class that went with them then pass no gradient
    through the last ReLU, and the class is never learned.

    Args:
        head: The layer that gives the logits; its bias is set, all else stays.
        class_counts: Pixels of each class in the training slices; each counts one more than
            it has, so that an absent one has a finite bias.

    Source: Lin et al. 2017 (focal loss), section 3.3, for the prior in the last bias.
    """
    counts = torch.from_numpy(class_counts) + 1.0
    assert head.bias is not None
    with torch.no_grad():
        head.bias.copy_((counts / counts.sum()).log())


def collapsed_classes(scored: list[OverlapCounts]) -> tuple[int, ...]:
    """Return the classes (from 1) that are in the reference but in no scored prediction.

    Args:
        scored: Counts of every scored epoch, one or more.
    """
    predicted = sum(counts.predicted.sum(axis=0) for counts in scored)
    reference = sum(counts.reference.sum(axis=0) for counts in scored)
    return tuple(int(index) + 1 for index in np.flatnonzero((reference > 0) & (predicted == 0)))


def _score(epochs: list[EpochRecord], fold: int) -> float:
    dice = [mean_defined(epoch.class_dice) for epoch in epochs if epoch.class_dice is not None]
    score = mean_defined(tuple(dice))
    if score is None:
        raise TrainingError(
            f"Fold {fold} has no score: none of its validation patients has a foreground voxel, "
            "and none was predicted. Use fewer folds or leave such patients out."
        )
    return score
