"""Trainings on patches: repeatable, fused as single, resumed as whole, scored on whole slices."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mbnas.data.augmentation.parameters import AugmentationSettings, reach_of
from mbnas.data.augmentation.transform import augment
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.training.final.train_final import FinalTask, train_final
from mbnas.training.loading.load_slices import load_slices, streamed_slices
from mbnas.training.loop.fit import begin_training, train_once, train_together
from mbnas.training.loop.training_loop import Schedule
from mbnas.training.loop.training_plan import plan_training
from mbnas.training.run_training import run_training


@pytest.fixture
def patch_task(task, patch_slices):
    """The task of other tests, with patches."""
    protocol = replace(task.protocol, preparation=PreparationSettings(patch_size=16))
    return replace(task, protocol=protocol, slices=patch_slices)


@pytest.fixture
def patch_data(patch_task):
    reach = reach_of(patch_task.protocol.augmentation)
    return load_slices(patch_task.slices, "cpu", reach=reach)


def weights_of(attempt):
    return torch.cat([each.flatten() for each in attempt.network.state_dict().values()])


def test_a_training_is_the_same_again_and_if_slices_are_streamed(patch_task, patch_data):
    first = train_once(patch_task, patch_data)
    prepared = PreparedSlices.open(patch_task.slices)
    reach = reach_of(patch_task.protocol.augmentation)
    for data in (patch_data, streamed_slices(prepared, "cpu", reach=reach)):
        again = train_once(patch_task, data)
        assert again.epochs == first.epochs
        assert torch.equal(weights_of(again), weights_of(first))


def test_fused_trainings_are_as_single_ones(patch_task, patch_data):
    tasks = [replace(patch_task, fold=fold) for fold in (0, 1)]
    fused = train_together(tasks, patch_data)
    for task, attempt in zip(tasks, fused, strict=True):
        alone = train_once(task, patch_data)
        losses = [[each.loss for each in one.epochs] for one in (attempt, alone)]
        assert_allclose(losses[0], losses[1], rtol=1e-3)
        assert attempt.score == pytest.approx(alone.score, abs=0.02)


def test_a_training_continues_where_another_process_left_it(patch_task, patch_data):
    network, loop = begin_training(patch_task, patch_data, plan_training(patch_task, patch_data))
    for _ in range(2):
        loop.advance()
    state, weights = (
        {name: each.clone() for name, each in tensors.items()}
        for tensors in (loop.state(), network.state_dict())
    )
    losses = [loop.advance(), loop.advance()]
    other, resumed = begin_training(patch_task, patch_data, plan_training(patch_task, patch_data))
    other.load_state_dict(weights)
    resumed.resume(state, epochs=2)
    assert [resumed.advance(), resumed.advance()] == losses


def test_an_epoch_is_a_pass_over_all_pixels(patch_task, patch_data):
    settings = replace(patch_task.protocol.training, steps_per_epoch=None)
    plan = plan_training(patch_task, patch_data)
    schedule = Schedule(
        plan.training_slices, settings, plan.augmentation, plan.rng, patch_data.patches
    )
    prepared = PreparedSlices.open(patch_task.slices)
    volumes = [each for each in prepared.volumes if each.patient not in plan.validation_patients]
    num_patches = sum(
        each.num_slices * -(-each.plane.frame[0] // 16) * -(-each.plane.frame[1] // 16)
        for each in volumes
    )
    assert schedule.steps_per_epoch == -(-num_patches // settings.batch_size)


def test_whole_volumes_are_measured_on_the_grid_of_their_files(patch_task):
    record = run_training(replace(patch_task, measure="volumes and predictions"))
    prepared = PreparedSlices.open(patch_task.slices)
    assert record.error is None
    assert 0 <= record.score <= 1
    for volume in record.volumes:
        (stored,) = [each for each in prepared.volumes if each.case == volume.case]
        voxels = np.prod(stored.plane.shape_xyz)
        reference = prepared.reference(prepared.volumes.index(stored))
        for index, measures in enumerate(volume.measures, start=1):
            assert measures.reference_voxels == (reference == index).sum()
            assert 0 <= measures.predicted_voxels <= voxels


def test_a_final_training_writes_its_weights(patch_task, tmp_path):
    to_train = FinalTask(
        training=patch_task, class_names=("one", "two"), weights=tmp_path / "fold0.safetensors"
    )
    train_final(to_train)
    assert to_train.weights.exists()
    assert "one" in to_train.curve.read_text()


def test_augmented_patches_show_no_borders_within_their_slices():
    """A patch is what augmentation makes of the whole slice, cut at the patch's place."""
    settings = AugmentationSettings(probability=1.0, brightness=0.0)
    size, window, frame = 16, 28, 76
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.normal(size=(1, 1, frame, frame)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, 3, (1, frame, frame)).astype(np.uint8))
    inner = slice((frame - window) // 2, (frame + window) // 2)
    for angle, scale, shift in ((15, 0.85, 0.1), (-15, 1.15, -0.1), (0, 1, 0), (7, 0.9, 0.05)):
        cosine, sine = np.cos(np.deg2rad(angle)) / scale, np.sin(np.deg2rad(angle)) / scale
        turn = np.array([[cosine, -sine, -2 * shift], [sine, cosine, -2 * shift]], np.float32)
        nothing = torch.zeros(1, 1)
        found, found_labels = augment(
            torch.from_numpy(turn * np.float32(size / window))[None],
            nothing,
            image[..., inner, inner],
            labels[..., inner, inner],
            size,
        )
        whole, whole_labels = augment(
            torch.from_numpy(turn * np.float32(size / frame))[None], nothing, image, labels, size
        )
        assert_allclose(found, whole, atol=1e-4)
        assert (found_labels == whole_labels).float().mean() > 0.99
    assert reach_of(settings) <= window / size


def test_batches_do_not_depend_on_the_network(patch_task, patch_data):
    plans = [plan_training(patch_task, patch_data) for _ in range(2)]
    one, other = (
        list(islice(patch_data.patches.batches(plan.training_slices, 4, plan.rng), 5))
        for plan in plans
    )
    assert np.array_equal(one, other)
