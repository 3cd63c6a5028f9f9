"""Where a study's trainings run: an executor, its slots, and what runs a task there.

Any ``concurrent.futures.Executor`` works, also one of Dask or MPI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol, runtime_checkable

from mbnas.study.configuration import Configuration
from mbnas.study.pool.ray_pool import ray_trainings
from mbnas.training.device.device_setup import free_memory, take_device, visible_devices
from mbnas.training.device.processor import num_cores
from mbnas.training.run_training import run_together, run_training
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import EpochNews, TrainingRecord
from mbnas.workers.executors import Demand, InlineExecutor, ProcessExecutor

Train = Callable[[TrainingTask], TrainingRecord]
TrainTogether = Callable[[Sequence[TrainingTask]], Sequence[TrainingRecord]]
TrainingFuture = Future[TrainingRecord] | Future[Sequence[TrainingRecord]]
"""The future of a training, or of several fused ones."""
WatchEpoch = Callable[[EpochNews], object]


@runtime_checkable
class Completions(Protocol):
    """A queue of futures that are done, and of epochs that have ended."""

    def put(self, item: TrainingFuture | EpochNews, /) -> None:
        """Add one, from any thread."""

    def get(self) -> TrainingFuture | EpochNews:
        """Wait for the first and take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPool:
    """An executor, its slots, and what runs a task there.

    Attributes:
        executor: Runs calls in processes: two trainings in threads of one process would share
            random numbers. Its creator shuts it down.
        slots: How many trainings it runs at a time, 1 or more.
        train: Runs a task there: :func:`run_training`, or a function that wraps it.
        train_together: Runs fused tasks there.
        completions: Where its futures go when they are done, and news of epochs if it has any.
        watch_epoch: Called with news of epochs, in the thread that takes them from there.
    """

    executor: Executor
    slots: int
    train: Train = run_training
    train_together: TrainTogether = run_together
    completions: Completions = field(default_factory=SimpleQueue[TrainingFuture | EpochNews])
    watch_epoch: WatchEpoch | None = None

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise ValueError(f"slots (={self.slots}) must be 1 or more.")

    def next_done(self) -> TrainingFuture:
        """Wait for the next future that is done, and pass on the news of epochs before it."""
        while isinstance(arrived := self.completions.get(), EpochNews):
            if self.watch_epoch is not None:
                self.watch_epoch(arrived)
        return arrived


@contextmanager
def worker_pool_of(
    configuration: Configuration, watch_epoch: WatchEpoch | None = None
) -> Iterator[WorkerPool]:
    """Yield a configuration's worker pool; end what still runs when the context ends.

    Args:
        configuration: Of the study.
        watch_epoch: Called after each epoch of a training in a process of this machine.
    """
    run = configuration.run
    if run.executor == "inline":
        yield WorkerPool(executor=InlineExecutor(), slots=1)
        return
    if run.executor == "ray":
        with ray_trainings(run, threads=configuration.training.threads) as (on_ray, slots):
            yield WorkerPool(executor=on_ray, slots=slots)
        return
    workers = configured_workers(configuration)
    completions: SimpleQueue[Any] = SimpleQueue()
    executor = ProcessExecutor(
        workers,
        initializer=take_device,
        slot_arguments=[(run.device, slot) for slot in range(workers)],
        device_memory_bytes=device_memory_bytes(run.device, workers),
        demand=demand_of,
        patience_s=run.patience_s,
        hear=completions.put,
    )
    try:
        yield WorkerPool(
            executor=executor, slots=workers, completions=completions, watch_epoch=watch_epoch
        )
    finally:
        executor.terminate()  # what still runs was started ahead of time


@runtime_checkable
class DeviceTask(Protocol):
    """A task with a need of its device, such as a training."""

    @property
    def memory_bytes(self) -> int | None:
        """Predicted memory in bytes; ``None`` if not predicted."""

    @property
    def alone(self) -> bool:
        """Whether no other task may run on its device at the same time."""


def demand_of(work: DeviceTask | tuple[DeviceTask, ...]) -> Demand:
    """Return what a task, or fused tasks together, need of their device.

    Memory that is not predicted counts as 0.
    """
    tasks = work if isinstance(work, tuple) else (work,)
    return Demand(
        memory_bytes=sum(task.memory_bytes or 0 for task in tasks),
        alone=any(task.alone for task in tasks),
    )


def device_memory_bytes(device: str, workers: int) -> tuple[int | None, ...]:
    """Return the free memory of each device, ``None`` for no limit.

    Memory is limited only if workers share GPUs. A process of its own asks the device, because
    asking takes some of its memory.

    Args:
        device: As the study names it, resolved.
        workers: How many there are.
    """
    if not device.startswith("cuda"):
        return (None,)
    if workers <= (num_devices := _num_devices(device)):
        return (None,) * num_devices
    with ProcessExecutor(1) as executor:
        return executor.submit(free_memory, device).result()


def _num_devices(device: str) -> int:
    return visible_devices() if device == "cuda" else 1


def configured_workers(configuration: Configuration) -> int:
    """Return how many trainings run at a time on this machine.

    A cluster that trains instead says so itself once it is reached.
    """
    if configuration.run.executor == "inline":
        return 1
    return configuration.run.workers or default_workers(configuration)


def default_workers(configuration: Configuration) -> int:
    """Return how many trainings run at a time: one per GPU, or cores divided by threads."""
    if configuration.run.device.startswith("cuda"):
        return _num_devices(configuration.run.device)
    return max(1, num_cores() // configuration.training.threads)
