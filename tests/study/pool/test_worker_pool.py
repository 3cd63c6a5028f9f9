"""Worker pools: from a configuration, and the memory that trainings need of a device."""

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.space.genotype import unet_genotype
from mbnas.study.configuration import Configuration, RunSettings
from mbnas.study.pool import worker_pool as worker_pool
from mbnas.study.pool.worker_pool import (
    WorkerPool,
    default_workers,
    demand_of,
    device_memory_bytes,
    worker_pool_of,
)
from mbnas.training.final.train_final import FinalTask
from mbnas.training.protocol import CrossValidationSettings, Protocol, TrainingSettings
from mbnas.training.run_training import run_training
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import EpochNews, EpochRecord
from mbnas.workers.executors import Demand, InlineExecutor, ProcessExecutor


def configuration(**run):
    return Configuration(dataset="nowhere", run=RunSettings(**run))


@pytest.fixture
def task():
    """A training of slices that do not exist."""
    protocol = Protocol(
        evaluation=CrossValidationSettings(),
        training=TrainingSettings(),
        augmentation=AugmentationSettings(),
        preparation=PreparationSettings(),
    )
    return TrainingTask(
        architecture=unet_genotype(),
        protocol=protocol,
        fold=0,
        initialisation=0,
        slices=Path("nowhere"),
        device="cuda",
    )


@pytest.fixture
def two_gpus(monkeypatch):
    """A machine with two devices; their free memory is asked in this process."""

    class Here(InlineExecutor):
        def __init__(self, num_slots, **arguments):
            super().__init__()
            self.num_slots, self.arguments = num_slots, arguments

        def terminate(self):
            self.shutdown()

    monkeypatch.setattr(worker_pool, "visible_devices", lambda: 2)
    monkeypatch.setattr(worker_pool, "ProcessExecutor", Here)
    monkeypatch.setattr(
        worker_pool, "free_memory", {"cuda": (70, 80), "cuda:0": (70,), "cuda:1": (80,)}.get
    )


def test_a_worker_pool_needs_a_slot():
    with InlineExecutor() as executor, pytest.raises(ValueError, match=r"slots \(=0\) must be 1"):
        WorkerPool(executor=executor, slots=0)


@pytest.mark.parametrize(
    ("memory_bytes", "alone", "demand"),
    [
        (None, False, Demand()),
        (7, False, Demand(memory_bytes=7)),
        (7, True, Demand(memory_bytes=7, alone=True)),
    ],
)
def test_a_training_demands_its_predicted_memory(task, memory_bytes, alone, demand):
    work = replace(task, memory_bytes=memory_bytes, alone=alone)
    assert demand_of(work) == demand
    final = FinalTask(training=work, class_names=("one",), weights=Path("fold0.safetensors"))
    assert demand_of(final) == demand


@pytest.mark.parametrize(
    ("device", "workers", "rooms"),
    [
        ("cpu", 4, (None,)),
        ("cuda", 1, (None, None)),
        ("cuda", 2, (None, None)),
        ("cuda", 3, (70, 80)),
        ("cuda:1", 1, (None,)),
        ("cuda:1", 2, (80,)),
    ],
)
def test_shared_devices_offer_their_free_memory(two_gpus, device, workers, rooms):
    assert device_memory_bytes(device, workers) == rooms


@pytest.mark.parametrize(("device", "workers"), [("cuda", 2), ("cuda:0", 1)])
def test_by_default_there_is_one_worker_per_gpu(two_gpus, device, workers):
    assert default_workers(configuration(device=device)) == workers


def test_more_workers_than_gpus_share_them(two_gpus):
    with worker_pool_of(configuration(device="cuda", workers=4, patience_s=9.0)) as place:
        assert (place.slots, place.executor.num_slots) == (4, 4)
        arguments = place.executor.arguments
    assert arguments["device_memory_bytes"] == (70, 80)
    assert arguments["slot_arguments"] == [("cuda", slot) for slot in range(4)]
    assert (arguments["demand"], arguments["patience_s"]) == (demand_of, 9.0)


def test_an_inline_worker_pool_has_one_slot():
    with worker_pool_of(configuration(executor="inline", device="cpu")) as place:
        assert (place.slots, type(place.executor)) == (1, InlineExecutor)


def test_an_error_ends_a_worker_pool(task):
    with worker_pool_of(configuration(device="cpu", workers=1)) as ended:
        assert isinstance(ended.executor, ProcessExecutor)
    with pytest.raises(ZeroDivisionError), worker_pool_of(configuration(device="cpu")) as broken:
        broken.executor.submit(run_training, 1 // 0)
    for place in (ended, broken):
        with pytest.raises(RuntimeError, match="accepts no more calls"):
            place.executor.submit(run_training, task)


def test_news_of_epochs_are_passed_on_and_are_no_results(task):
    news = EpochNews(
        key=task.key, epoch=EpochRecord(epoch=1, learning_rate=0.1, loss=0.5), num_epochs=3
    )
    watched, done = [], Future()
    pool = WorkerPool(executor=InlineExecutor(), slots=1, watch_epoch=watched.append)
    pool.completions.put(news)
    pool.completions.put(done)
    assert pool.next_done() is done
    assert watched == [news]
    unwatched = replace(pool, watch_epoch=None)
    unwatched.completions.put(news)
    unwatched.completions.put(done)
    assert unwatched.next_done() is done
    assert watched == [news]
