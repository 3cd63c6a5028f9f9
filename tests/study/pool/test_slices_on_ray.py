"""Slices that reach nodes without the driver's disk, unpacked once on each."""

import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from mbnas.errors import ConfigurationError, StudyError
from mbnas.space.genotype import unet_genotype
from mbnas.study.configuration_layers import build, merge, preset_layer
from mbnas.study.pool.slices_on_ray import SentTask, TrainingsOnRay, read_files, unpacked
from mbnas.training.protocol import Protocol
from mbnas.training.task import TrainingTask
from mbnas.workers.ray.cluster import connected


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary" / f"mbnas-{os.getuid()}"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "0123"
    (folder / "references").mkdir(parents=True)
    np.save(folder / "images.npy", np.arange(1000.0))
    (folder / "index.json").write_text("{}")
    (folder / "references" / "one.bin").write_bytes(b"\x00\x01")
    (folder / "references" / "empty").touch()
    return folder


def content(folder):
    files = (each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder): each.read_bytes() for each in files}


def task_of(slices, device="cpu"):
    configuration = build(merge({"dataset": ""}, preset_layer("quick")))
    protocol = Protocol(
        evaluation=configuration.protocol,
        training=configuration.training,
        augmentation=configuration.augmentation,
        preparation=configuration.preparation,
    )
    return TrainingTask(
        architecture=unet_genotype(),
        protocol=protocol,
        fold=0,
        initialisation=0,
        slices=slices,
        device=device,
    )


def test_an_unpacked_folder_is_the_same_byte_for_byte(folder):
    made = unpacked("0123", lambda: read_files(folder))
    assert content(made) == content(folder)


def test_a_folder_is_unpacked_once_and_only_for_its_owner(folder, place):
    first = unpacked("0123", lambda: read_files(folder))
    assert unpacked("0123", pytest.fail) == first == place / "0123"
    assert place.stat().st_mode & 0o777 == 0o700


def test_several_processes_may_unpack_at_once(folder):
    meet = threading.Barrier(4)

    def race():
        meet.wait()
        return unpacked("0123", lambda: read_files(folder))

    with ThreadPoolExecutor(4) as racers:
        (made,) = {each.result() for each in [racers.submit(race) for _ in range(4)]}
    assert content(made) == content(folder)
    assert [each.name for each in made.parent.iterdir()] == ["0123"]


def test_a_node_with_a_full_disk_is_named(folder, place):
    place.write_text("in the way")
    with pytest.raises(StudyError, match=r"cannot keep the prepared slices\. .* cannot be written"):
        unpacked("0123", lambda: read_files(folder))


def test_nothing_is_fetched_if_the_driver_s_folder_exists(folder):
    task = task_of(folder)
    assert SentTask(task=task, files="no reference").here() == task


@pytest.mark.parametrize(("asked", "there"), [("cuda:1", "cuda"), ("cuda", "cuda"), ("cpu", "cpu")])
def test_a_task_uses_the_gpu_assigned_by_ray(folder, asked, there):
    sent = SentTask(task=task_of(folder, asked), files="no reference")
    assert sent.here() == replace(sent.task, device=there)


def test_a_node_with_another_version_is_an_error(folder):
    sent = SentTask(task=task_of(folder), files="no reference", version="0.0.0")
    with pytest.raises(ConfigurationError, match=r"search runs 0\.0\.0: install one version"):
        sent.here()


def folder_and_content(task):
    return task.slices, content(task.slices)


def folders_of(tasks):
    return tuple(task.slices for task in tasks)


@pytest.mark.slow
def test_slices_reach_workers_without_the_driver_s_disk(folder, tmp_path, place, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/ray")
    expected, module = content(folder), sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)  # no worker can import it
    try:
        with connected("local", local_cpus=2), TrainingsOnRay(lambda: 2) as executor:
            task = task_of(folder)
            assert executor.submit(folder_and_content, task).result() == (folder, expected)
            shutil.rmtree(folder)
            seen = list(executor.map(folder_and_content, [task] * 6))
            together = executor.submit(folders_of, (task, replace(task, fold=1))).result()
    finally:
        ray.cloudpickle.unregister_pickle_by_value(module)
    assert seen == [(place / "0123", expected)] * 6
    assert together == (place / "0123", place / "0123")
