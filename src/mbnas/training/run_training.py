"""One training as a worker runs it: one network, one fold, one initialisation.

The same task gives the same weights bit for bit on one machine and device, whatever else runs
there: its seeds follow from its key, its threads and precision are settings, and trainings share
only the read-only slices. Seeds do not depend on the network, so networks are compared on the same
batches and augmentations. This also holds for fused trainings, as the protocol decides which are
fused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mbnas.data.augmentation.parameters import reach_of
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import OutOfMemory, TrainingError, cause_of
from mbnas.machine.heartbeat import beat
from mbnas.network.architecture import OwnNetwork
from mbnas.training.device.device_setup import prepare_process, worker_name
from mbnas.training.device.out_of_memory import free_caches, memory_errors
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.fit import forget_programs, train_together
from mbnas.training.loop.history import Attempt
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord, VolumeRecord


def run_training(task: TrainingTask) -> TrainingRecord:
    """Return a training's record; a failed training's record has its error.

    A collapsed training is repeated from another initialisation as often as the protocol
    allows. The attempt with the fewest collapsed classes counts, then the one with the lowest
    training loss. A failed repetition does not affect earlier attempts. If a repetition runs out
    of memory, the whole training does, unless it had the device to itself: the result must not
    depend on what else runs on the device.

    Raises:
        OutOfMemory: if memory ran out. This process can run other trainings afterwards.
    """
    return run_together((task,))[0]


def run_together(tasks: Sequence[TrainingTask]) -> tuple[TrainingRecord, ...]:
    """Return the records of fused trainings of one network.

    Each is as in :func:`run_training`. Their common duration is divided evenly between the
    records, which start one after another, so that durations add up to the worker's.

    Args:
        tasks: One or more, of one network, protocol and device.

    Raises:
        OutOfMemory: if memory ran out. This process can run other trainings afterwards.
    """
    start = time.monotonic()
    device = tasks[0].device
    try:
        return _run(tasks)
    except OutOfMemory as error:
        forget_programs()
        error.wall_s, error.worker = time.monotonic() - start, worker_name(device)
        raise
    finally:
        free_caches(device)


def _run(tasks: Sequence[TrainingTask]) -> tuple[TrainingRecord, ...]:
    started_at = datetime.now(UTC)
    start = time.perf_counter()
    device, settings = tasks[0].device, tasks[0].protocol.training
    prepare_process(settings.threads)
    attempts: list[list[Attempt]] = [[] for _ in tasks]
    errors: dict[int, TrainingError] = {}
    num_started = [0] * len(tasks)
    unfinished = list(range(len(tasks)))
    try:
        with memory_errors(device):
            protocol = tasks[0].protocol
            data = load_slices(
                tasks[0].slices,
                device,
                settings.slice_precision,
                context=protocol.preparation.context,
                reach=reach_of(protocol.augmentation),
            )
            beat()
            for number in range(settings.collapse_repeats + 1):
                for index in unfinished:
                    num_started[index] += 1
                outcomes = _attempts_of([tasks[index] for index in unfinished], data, number)
                for index, outcome in zip(tuple(unfinished), outcomes, strict=True):
                    if isinstance(outcome, TrainingError):
                        errors[index] = outcome
                        unfinished.remove(index)
                        continue
                    attempts[index].append(outcome)
                    if not outcome.collapse.collapsed:
                        unfinished.remove(index)
                if not unfinished:
                    break
    except OutOfMemory:
        if not (all(attempts) and tasks[0].alone):
            raise
    wall_s = (time.perf_counter() - start) / len(tasks)
    return tuple(
        _record(
            task,
            data,
            attempts=attempts[index],
            error=errors.get(index),
            num_started=num_started[index],
            wall_s=wall_s,
            started_at=(started_at + timedelta(seconds=index * wall_s)).isoformat(
                timespec="seconds"
            ),
        )
        for index, task in enumerate(tasks)
    )


def _attempts_of(
    tasks: Sequence[TrainingTask], data: SliceSource, attempt: int
) -> Sequence[Attempt | TrainingError]:
    """Return the attempts or errors of trainings; any error of a user's own network fails them."""
    network = tasks[0].architecture
    try:
        with memory_errors(tasks[0].device):
            return train_together(tasks, data, attempt=attempt)
    except (KeyboardInterrupt, TrainingError):
        raise
    except BaseException as error:
        if not isinstance(network, OwnNetwork):
            raise
        return [TrainingError(f"{network} failed in training: {cause_of(error)}") for _ in tasks]


def _record(
    task: TrainingTask,
    data: SliceSource,
    *,
    attempts: Sequence[Attempt],
    error: TrainingError | None,
    num_started: int,
    wall_s: float,
    started_at: str,
) -> TrainingRecord:
    """Return the record of a training: its best attempt, or its error."""
    record = TrainingRecord(
        key=task.key,
        score=None,
        error=str(error),
        wall_s=wall_s,
        worker=worker_name(task.device),
        started_at=started_at,
    )
    if not attempts:
        return record
    best = min(attempts, key=lambda attempt: attempt.rank)
    start = time.perf_counter()
    try:
        with memory_errors(task.device):
            volumes = _measured_volumes(task, data, best)
    except OutOfMemory:
        raise
    except TrainingError as measuring_error:
        return replace(record, error=str(measuring_error))
    return replace(
        record,
        score=best.score,
        error=None,
        collapsed=best.collapse.collapsed,
        absent=best.collapse.absent,
        unpredicted=best.unpredicted,
        attempts=num_started,
        wall_s=wall_s + time.perf_counter() - start,
        slices_per_s=best.slices_per_s,
        epochs=best.epochs,
        volumes=volumes,
    )


def _measured_volumes(
    task: TrainingTask, data: SliceSource, attempt: Attempt
) -> tuple[VolumeRecord, ...]:
    if task.measure == "nothing":
        return ()
    # Imported here: MONAI's surface distances take seconds to import.
    from mbnas.training.measure_volumes import measure_volumes

    return measure_volumes(
        attempt.network,
        PreparedSlices.open(task.slices),
        data,
        frozenset(attempt.validation_patients + data.held_out_patients),
        precision=task.protocol.training.precision,
        keep_predictions=task.measure == "volumes and predictions",
    )
