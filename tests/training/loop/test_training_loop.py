"""The training loop on synthetic slices: golden loss curves, both precisions, batches."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.augmentation.transform import augment
from mbnas.data.datasets.label_scheme import Targets
from mbnas.network.genotype_network import Network
from mbnas.seeds import generator
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loop import epoch_plan as plan
from mbnas.training.loop.fit import train_once
from mbnas.training.loop.initialisation import random_network
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_plan import augmentation_of, plan_training
from mbnas.training.loop.training_step import Step

GENOTYPES = {
    "unet": str(unet_genotype(3)),
    "mixed": "0dense3-1residual5-2inception3-1vgg3-0residual3@2",
}
GOLDEN = {
    "unet": [2.43638, 2.23469, 2.14448, 2.12922, 2.10271, 2.07307],
    "mixed": [1.66164, 1.4806, 1.34577, 1.41817, 1.38142, 1.2718],
}


@pytest.fixture
def squares():
    """Two patients' slices: a bright square is class 1, a dark one class 2, all in noise."""
    rng = np.random.default_rng(0)
    labels = np.zeros((16, 16, 16), np.uint8)
    for number, (row, column) in enumerate(rng.integers(0, 8, (16, 2))):
        labels[number, row : row + 6, column : column + 6] = 1 + number % 2
    means = np.array([0.0, 2.0, -2.0])[labels]
    images = (means + 0.5 * rng.normal(size=labels.shape)).astype(np.float32)[:, None]
    return ResidentSlices(
        images_NCHW=torch.from_numpy(images),
        labels_NHW=torch.from_numpy(labels),
        patient_N=np.repeat([0, 1], 8),
        patient_classes=dict.fromkeys("ab", frozenset({1})),
        targets=Targets(num_labels=2),
        flip_axis_dims={"left-right": 0, "posterior-anterior": 1},
    )


def with_training(task, **changes):
    """The same task with other settings of the loop."""
    training = replace(task.protocol.training, **changes)
    return replace(task, protocol=replace(task.protocol, training=training))


def losses_of(task, data, genotype="0vgg3"):
    """Return the mean loss of every epoch of a training on all slices."""
    task = replace(task, architecture=Genotype.parse(genotype))
    prepare_process(1)
    slices = np.arange(len(data.patient_N))
    settings = task.protocol.training
    seed = plan_training(task, data).weights_seed
    network = random_network(task.architecture, settings.base_channels, data.interface, seed=seed)
    augmentation = augmentation_of(data, task.protocol.augmentation)
    schedule = Schedule(slices, settings, augmentation, generator(0, "golden"))
    loop = TrainingLoop(Step([network], settings, data.targets), data, [schedule])
    return [loop.advance()[0] for _ in range(task.protocol.training.epochs)]


@pytest.mark.parametrize("name", GENOTYPES)
def test_the_loss_follows_its_golden_curve(task, squares, name):
    task = with_training(task, epochs=6, learning_rate=5e-3)
    assert losses_of(task, squares, GENOTYPES[name]) == pytest.approx(GOLDEN[name], rel=1e-3)


@pytest.mark.parametrize("name", GENOTYPES)
def test_bfloat16_follows_the_curve_of_float32(task, squares, name):
    task = with_training(task, epochs=6, learning_rate=5e-3, precision="bfloat16")
    losses = losses_of(task, squares, GENOTYPES[name])
    assert losses == pytest.approx(GOLDEN[name], rel=0.02)
    assert losses != pytest.approx(GOLDEN[name], rel=1e-5)


def test_bfloat16_keeps_weights_in_float32(task, squares):
    network = train_once(with_training(task, precision="bfloat16", epochs=1), squares).network
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_every_fold_initialisation_and_attempt_has_different_batches(task, squares, monkeypatch):
    first_batches = []

    def no_step(_self, inputs, _rates):
        first_batches.append(augment(inputs.matrices_B23, inputs.brightness_BC, *inputs[:2])[0])
        return torch.zeros(1)

    monkeypatch.setattr(Step, "__call__", no_step)
    short = with_training(task, epochs=1, steps_per_epoch=1)
    for fold, initialisation, attempt in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0)]:
        one = replace(short, fold=fold, initialisation=initialisation)
        train_once(one, squares, attempt=attempt)
    assert torch.equal(first_batches[0], first_batches.pop())
    for one, other in itertools.combinations(first_batches, 2):
        assert not torch.equal(one, other)


def test_slices_are_flipped_along_the_dimensions_that_the_axes_name(task, squares, monkeypatch):
    asked = []
    draw = plan.draw_augmentation

    def spying(settings, rng, *, batch, channels, flip_dims):
        asked.append((batch, channels, flip_dims))
        return draw(settings, rng, batch=batch, channels=channels, flip_dims=flip_dims)

    monkeypatch.setattr(plan, "draw_augmentation", spying)
    losses_of(with_training(task, epochs=1), squares)
    assert asked == [(4, 1, (True, False))] * 2


def test_the_brightness_of_absolute_channels_is_not_varied():
    settings = AugmentationSettings(probability=1.0)
    drawn = [
        plan.draw_epoch(
            plan.SliceAugmentation(
                settings=settings, channels=3, flip_dims=(True, False), absolute_channels=absolute
            ),
            itertools.repeat(np.arange(4)),
            generator(0, "brightness"),
            steps=3,
        )
        for absolute in ((), (1,))
    ]
    varied, kept = (each.brightness_SBC for each in drawn)
    assert np.abs(varied).min() > 0
    assert not kept[..., 1].any()
    assert np.array_equal(kept[..., [0, 2]], varied[..., [0, 2]])
    assert np.array_equal(drawn[0].matrices_SB23, drawn[1].matrices_SB23)


def test_batches_reach_the_network_with_channels_last(task, squares, monkeypatch):
    formats = []
    forward = Network.forward

    def spying(self, images_BCHW):
        formats.append(images_BCHW.is_contiguous(memory_format=torch.channels_last))
        return forward(self, images_BCHW)

    monkeypatch.setattr(Network, "forward", spying)
    losses_of(with_training(task, epochs=1), squares)
    assert formats == [True, True]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", GENOTYPES)
def test_a_training_on_a_gpu_is_the_same_bit_for_bit(task, squares, name, precision):
    genotype = Genotype.parse(GENOTYPES[name])
    on_gpu = replace(with_training(task, precision=precision), architecture=genotype, device="cuda")
    data = replace(
        squares, images_NCHW=squares.images_NCHW.cuda(), labels_NHW=squares.labels_NHW.cuda()
    )
    prepare_process(1)
    first, again = (train_once(on_gpu, data).network.state_dict() for _ in range(2))
    for key, weight in first.items():
        assert torch.equal(weight, again[key]), key
