"""Classes that are sides of the body: the inputs of a training, and what it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.augmentation.transform import augment
from mbnas.data.datasets.label_scheme import Targets
from mbnas.seeds import generator
from mbnas.space.genotype import unet_genotype
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.streamed_slices import StreamedSlices
from mbnas.training.loop.epoch_plan import side_by_side
from mbnas.training.loop.fit import train_once
from mbnas.training.loop.training_loop import Schedule, step_inputs
from mbnas.training.loop.training_plan import augmentation_of

NAMES = ("left kidney", "right kidney")
FLIPS_ALONE = AugmentationSettings(
    probability=0.0, flip_axes=("left-right",), mirror_pairs=(NAMES,)
)


def kidneys(source=ResidentSlices, num_slices=48, names=NAMES):
    """Slices of two equal squares in noise: the one in the upper half is left, the other right."""
    rng = np.random.default_rng(0)
    labels = np.zeros((num_slices, 16, 16), np.uint8)
    for number, (upper, lower, column) in enumerate(rng.integers(0, 4, (num_slices, 3))):
        labels[number, upper : upper + 4, 4 + column : 8 + column] = 1
        labels[number, 8 + lower : 12 + lower, 4 + column : 8 + column] = 2
    images = ((labels > 0) + 0.1 * rng.normal(size=labels.shape)).astype(np.float32)[:, None]
    place = {} if source is ResidentSlices else {"target": torch.device("cpu")}
    return source(
        images_NCHW=torch.from_numpy(images),
        labels_NHW=torch.from_numpy(labels),
        patient_N=np.arange(num_slices) % 4,
        patient_classes=dict.fromkeys("abcd", frozenset({1, 2})),
        targets=Targets(num_labels=2),
        flip_axis_dims={"left-right": 0, "posterior-anterior": 1},
        class_names=names,
        **place,
    )


@pytest.mark.parametrize("source", [ResidentSlices, StreamedSlices])
@pytest.mark.parametrize("trainings", [1, 2])
def test_a_flipped_slice_has_swapped_labels_for_any_source(task, source, trainings):
    data = kidneys(source)
    settings, augmentation = task.protocol.training, augmentation_of(data, FLIPS_ALONE)
    schedules = [
        Schedule(np.arange(48), settings, augmentation, generator(number, "batches"))
        for number in range(trainings)
    ]
    assert augmentation.mirrored_classes == (0, 2, 1)
    plan = side_by_side([each.take(2) for each in schedules])
    num_flipped = 0
    for inputs, batch, mirrored in zip(
        step_inputs(data, plan, augmentation.mirrored_classes),
        plan.batches_SB,
        plan.mirrored_SB,
        strict=True,
    ):
        images, labels = augment(
            inputs.matrices_B23, inputs.brightness_BC, inputs.images_BCHW, inputs.labels_BHW
        )
        for place, (index, is_flipped) in enumerate(zip(batch, mirrored, strict=True)):
            before = data.labels_NHW[int(index)].numpy()
            image = data.images_NCHW[int(index), 0].numpy()
            expected = np.array([0, 2, 1])[before[::-1]] if is_flipped else before
            assert np.array_equal(labels[place].numpy(), expected)
            seen = image[::-1] if is_flipped else image
            assert np.allclose(images[place, 0].numpy(), seen, atol=1e-5)
        num_flipped += int(mirrored.sum())
    assert 0 < num_flipped < plan.mirrored_SB.size


def test_a_flip_along_another_axis_swaps_nothing(task):
    flips = replace(FLIPS_ALONE, flip_axes=("posterior-anterior",))
    augmentation = augmentation_of(kidneys(), flips)
    schedule = Schedule(
        np.arange(48), task.protocol.training, augmentation, generator(0, "batches")
    )
    assert not schedule.take(2).mirrored_SB.any()


@pytest.mark.slow
def test_with_swapped_labels_sides_are_learned_as_well_as_without_flips(task):
    prepare_process(1)
    training = replace(
        task.protocol.training,
        epochs=4,
        steps_per_epoch=60,
        batch_size=8,
        learning_rate=0.01,
        base_channels=8,
    )
    task = replace(task, architecture=unet_genotype(3))

    def dice(augmentation):
        protocol = replace(task.protocol, training=training, augmentation=augmentation)
        return train_once(replace(task, protocol=protocol), kidneys()).score

    without = dice(replace(FLIPS_ALONE, flip_axes=()))
    swapped = dice(FLIPS_ALONE)
    unswapped = dice(replace(FLIPS_ALONE, mirror_pairs=()))
    assert without > 0.95
    assert swapped > 0.95
    assert unswapped < 0.8
