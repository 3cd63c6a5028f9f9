"""A final training: its result is the weights, with checkpoints and a learning curve.

It uses the same loop as the trainings of a search, with its own slice size and schedule. Its
batches are drawn from seeds, so a killed training continues from its last checkpoint and ends with
the same weights, bit for bit on one machine and device.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from mbnas.data.augmentation.parameters import reach_of
from mbnas.errors import ModelError
from mbnas.machine.files import writing
from mbnas.machine.heartbeat import beat
from mbnas.training.device.device_setup import flushing_subnormals, prepare_process
from mbnas.training.device.out_of_memory import free_caches, memory_errors
from mbnas.training.final.checkpoint import Checkpoint
from mbnas.training.final.learning_curve import write_curve
from mbnas.training.final.weights_file import save_weights
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.fit import begin_training
from mbnas.training.loop.history import check_finite
from mbnas.training.loop.training_plan import plan_training
from mbnas.training.loop.validation import count_overlap
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import EpochRecord

FINAL = 1_000_000
"""The initialisation of final trainings; no search or comparison uses it."""

_VALIDATIONS = 20
_SAVING_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTask:
    """Everything that a worker needs for one final training.

    Attributes:
        training: Network, protocol, slices and device. A fold beyond the last means that the
            network learns from all patients.
        class_names: Names of the foreground classes, for the curve.
        weights: The file for the weights.
    """

    training: TrainingTask
    class_names: tuple[str, ...]
    weights: Path

    @property
    def memory_bytes(self) -> int | None:
        """Predicted memory on its device, ``None`` if unknown."""
        return self.training.memory_bytes

    @property
    def alone(self) -> bool:
        """Whether it has its device to itself."""
        return self.training.alone

    @property
    def curve(self) -> Path:
        """The file of its learning curve, which grows with every epoch."""
        return self.weights.with_suffix(".csv")

    @property
    def checkpoint(self) -> Path:
        """The file from which it can continue; removed when the weights are written."""
        return self.weights.with_suffix(".checkpoint")


def train_final(task: FinalTask) -> None:
    """Train a network, from its last checkpoint if there is one, and write its weights.

    Raises:
        OutOfMemory: if memory ran out.
        TrainingError: if the loss stops being finite.
        WriteError: if a file cannot be written.
        ModelError: if the checkpoint is damaged or of another training.
    """
    device = task.training.device
    prepare_process(task.training.protocol.training.threads)
    try:
        with memory_errors(device):
            protocol = task.training.protocol
            data = load_slices(
                task.training.slices,
                device,
                protocol.training.slice_precision,
                context=protocol.preparation.context,
                reach=reach_of(protocol.augmentation),
            )
            beat()
            network = _train(task, data)
        save_weights(network, task.weights)
        with writing(task.checkpoint):
            task.checkpoint.unlink(missing_ok=True)
    finally:
        free_caches(device)


@flushing_subnormals()
def _train(task: FinalTask, data: SliceSource) -> nn.Module:
    protocol = task.training.protocol
    num_epochs = protocol.training.epochs
    plan = plan_training(task.training, data, all_after_folds=True)
    validated = plan.validation_slices
    network, loop = begin_training(task.training, data, plan)
    name = str(task.training.key)
    epochs: list[EpochRecord] = []
    if (before := Checkpoint.read(task.checkpoint, name)) is not None:
        try:
            network.load_state_dict(before.network)
            loop.resume(before.optimiser, epochs=len(before.epochs))
        except (RuntimeError, KeyError) as error:
            raise ModelError(
                f"{task.checkpoint} does not fit its network: remove it, and its training starts "
                "again."
            ) from error
        epochs += before.epochs
    saved_at, saving_s = time.monotonic(), 0.0
    for epoch in range(len(epochs) + 1, num_epochs + 1):
        loss = loop.advance()[0]
        check_finite(loss, epoch, num_epochs)
        dice = None
        if len(validated) and is_validated(epoch, num_epochs):
            precision = protocol.training.precision
            dice = count_overlap(network, data, validated, precision).class_dice()
        epochs.append(
            EpochRecord(
                epoch=epoch,
                learning_rate=loop.schedules[0].learning_rate,
                loss=loss,
                class_dice=dice,
            )
        )
        write_curve(task.curve, epochs, task.class_names)
        start = time.monotonic()
        if epoch < num_epochs and saving_s <= _SAVING_SHARE * (start - saved_at):
            Checkpoint(
                training=name,
                epochs=tuple(epochs),
                network=network.state_dict(),
                optimiser=loop.state(),
            ).write(task.checkpoint)
            saved_at = time.monotonic()
            saving_s = saved_at - start
    return network


def is_validated(epoch: int, num_epochs: int) -> bool:
    """Return whether a final training is validated after an epoch: about 20 times, and at the end.

    >>> [epoch for epoch in range(1, 101) if is_validated(epoch, 100)][-3:]
    [90, 95, 100]
    """
    return epoch == num_epochs or epoch % max(1, num_epochs // _VALIDATIONS) == 0
