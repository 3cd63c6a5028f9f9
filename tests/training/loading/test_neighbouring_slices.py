"""Slices with their neighbours, from every source, and what trainings make of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.batch_order import shuffled_batches
from mbnas.training.loading.load_slices import load_slices, resident_slices, streamed_slices
from mbnas.training.loop.epoch_plan import draw_epoch
from mbnas.training.loop.fit import train_once, train_together
from mbnas.training.loop.training_loop import step_inputs
from mbnas.training.loop.training_plan import augmentation_of, plan_training
from mbnas.training.loop.validation import predicted_batches
from mbnas.training.measure_volumes import predict_slices
from mbnas.training.run_training import run_training

SOURCES = {"resident": resident_slices, "streamed": streamed_slices}
GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    ],
)


def gathered(prepared, index, context):
    """The channels of a slice and its neighbours, one slice after another, from the files."""
    (volume,) = [each for each in prepared.volumes if each.slices.start <= index < each.slices.stop]
    parts = []
    for step in range(-context, context + 1):
        other = min(max(index + step, volume.slices.start), volume.slices.stop - 1)
        parts += [prepared.images[other, channel] for channel in range(len(prepared.channels))]
    return np.stack(parts)


@pytest.fixture
def prepared(slices):
    return PreparedSlices.open(slices)


@pytest.fixture
def seeing(task):
    """A training whose network sees one slice on either side."""
    preparation = replace(task.protocol.preparation, context=1)
    return replace(task, protocol=replace(task.protocol, preparation=preparation))


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(context=st.integers(0, 3), data=st.data())
def test_batches_are_gathered_slice_by_slice(prepared, kind, precision, device, context, data):
    source = SOURCES[kind](prepared, device, precision, context)
    assert source.in_channels == (2 * context + 1) * len(prepared.channels) > 1
    borders = [edge for each in prepared.volumes for edge in (each.slices.start, each.slices.stop)]
    index = st.one_of(
        st.integers(0, len(prepared.labels) - 1), st.sampled_from([*borders[::2], borders[-1] - 1])
    )
    batches = data.draw(st.lists(st.lists(index, min_size=1, max_size=5), max_size=8))
    fetched = list(source.fetch(np.array(batch) for batch in batches))
    assert len(fetched) == len(batches)
    for batch, (images, labels) in zip(batches, fetched, strict=True):
        expected = np.stack([gathered(prepared, each, context) for each in batch])
        assert images.dtype == torch.float32
        assert np.array_equal(images.cpu(), expected.astype(precision).astype(np.float32))
        assert np.array_equal(labels.cpu(), prepared.labels[batch])


def test_all_slices_of_a_batch_are_varied_alike(prepared, task):
    """Transforms are those without neighbours, and each channel's brightness is that of slice 0."""
    alone, seeing = (resident_slices(prepared, "cpu", "float32", each) for each in (0, 2))
    plans = []
    for source in (alone, seeing):
        augmentation = augmentation_of(source, task.protocol.augmentation)
        rng = np.random.default_rng(5)
        batches = shuffled_batches(np.arange(20), 4, rng)
        plans.append(draw_epoch(augmentation, batches, rng, steps=3))
    before, after = plans
    assert np.array_equal(before.batches_SB, after.batches_SB)
    assert np.array_equal(before.matrices_SB23, after.matrices_SB23)
    assert np.array_equal(before.mirrored_SB, after.mirrored_SB)
    num_channels = len(prepared.channels)
    assert num_channels == 2
    assert np.ptp(before.brightness_SBC) > 0
    for number in range(5):
        part = slice(number * num_channels, (number + 1) * num_channels)
        assert np.array_equal(after.brightness_SBC[..., part], before.brightness_SBC)
    for inputs in step_inputs(seeing, after):
        assert inputs.images_BCHW.shape[1] == inputs.brightness_BC.shape[1] == 10


def test_channels_without_brightness_have_none_in_any_slice(prepared, task):
    source = replace(resident_slices(prepared, "cpu", "float32", 1), absolute_channels=(1,))
    augmentation = augmentation_of(source, task.protocol.augmentation)
    rng = np.random.default_rng(0)
    plan = draw_epoch(augmentation, shuffled_batches(np.arange(9), 4, rng), rng, steps=4)
    assert not plan.brightness_SBC[..., 1::2].any()
    assert plan.brightness_SBC[..., 0::2].any()


def test_a_training_learns_from_neighbours_and_without_them_nothing_changes(task, seeing, slices):
    prepare_process(1)
    plain, with_neighbours = run_training(task), run_training(seeing)
    assert plain.error is None
    assert with_neighbours.error is None
    assert plain.key.protocol == task.protocol.digest != with_neighbours.key.protocol
    assert [each.loss for each in plain.epochs] != [each.loss for each in with_neighbours.epochs]
    attempt = train_once(seeing, load_slices(slices, "cpu", "float32", 1))
    assert attempt.epochs == with_neighbours.epochs
    first = next(iter(attempt.network.parameters()))
    assert first.shape[1] == 3 * 2


def test_fused_trainings_with_neighbours_equal_single_ones(seeing, slices):
    prepare_process(1)
    data = load_slices(slices, "cpu", "float32", 1)
    tasks = [replace(seeing, fold=fold) for fold in range(2)]
    for task, fused in zip(tasks, train_together(tasks, data), strict=True):
        alone = train_once(task, data)
        losses = [epoch.loss for epoch in fused.epochs]
        assert losses == pytest.approx([epoch.loss for epoch in alone.epochs], rel=2e-3)


def test_validation_sees_the_neighbours(prepared, seeing):
    """A network that gives the first and the last slice it sees back, instead of logits."""

    class Looking(torch.nn.Module):
        def forward(self, images):
            return torch.stack([images[:, 0], images[:, -1]], dim=1)

    source = streamed_slices(prepared, "cpu", "float32", 1)
    chosen = plan_training(seeing, source).validation_slices
    found = [part.numpy() for part, _ in predicted_batches(Looking(), source, chosen, "float32")]
    around = np.stack([gathered(prepared, each, 1)[[0, -1]] for each in chosen])
    assert np.array_equal(np.concatenate(found), around.argmax(axis=1))
    volume = prepared.volumes[1]
    whole = predict_slices(Looking(), source, volume, "float32")
    around = [gathered(prepared, each, 1)[[0, -1]] for each in range(*volume.slices.indices(10**6))]
    assert np.array_equal(whole, np.stack(around).argmax(axis=1))
