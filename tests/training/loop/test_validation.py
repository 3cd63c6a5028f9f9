"""Counts over whole volumes, for any batches, against MONAI's Dice per volume."""

import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric
from numpy.testing import assert_allclose
from torch import nn

from mbnas.data.datasets.label_scheme import Targets
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loop.validation import PREDICTED_AT_ONCE, count_overlap


@pytest.fixture
def noisy():
    """Slices of three patients, more than one batch, whose images are the logits."""
    rng = np.random.default_rng(0)
    num_slices = PREDICTED_AT_ONCE + 30
    labels = rng.integers(0, 3, (num_slices, 8, 8)).astype(np.uint8)
    images = rng.normal(size=(num_slices, 3, 8, 8)) + np.moveaxis(np.eye(3)[labels], -1, 1)
    return ResidentSlices(
        images_NCHW=torch.from_numpy(images.astype(np.float32)),
        labels_NHW=torch.from_numpy(labels),
        patient_N=np.arange(num_slices) % 3,
        patient_classes=dict.fromkeys("abc", frozenset({1})),
        targets=Targets(num_labels=2),
        flip_axis_dims={},
    )


def test_dice_is_that_of_monai_over_the_patients_volumes(noisy):
    slices = noisy.slices_of(("a", "c"))
    counts = count_overlap(nn.Identity(), noisy, slices, "float32")
    one_hot = torch.eye(3)
    metric = DiceMetric(include_background=False, reduction="none")
    expected = []
    for patient in (0, 2):
        chosen = torch.from_numpy(np.flatnonzero(noisy.patient_N == patient))
        volumes = (noisy.images_NCHW[chosen].argmax(dim=1), noisy.labels_NHW[chosen].long())
        predicted, reference = (one_hot[volume].movedim(-1, 0)[None] for volume in volumes)
        expected.append(metric(predicted, reference)[0].tolist())
    assert_allclose(counts.dice(), expected, rtol=1e-6)


def test_counts_are_whole_numbers_of_voxels(noisy):
    counts = count_overlap(nn.Identity(), noisy, np.arange(len(noisy.patient_N)), "float32")
    labels = noisy.labels_NHW.numpy()
    for patient in range(3):
        for foreground in (1, 2):
            expected = (labels[noisy.patient_N == patient] == foreground).sum()
            assert counts.reference[patient, foreground - 1] == expected
    assert (counts.overlap <= np.minimum(counts.predicted, counts.reference)).all()


def test_a_network_is_scored_in_evaluation_mode_without_gradients(noisy):
    modes = []
    network = nn.Sequential(nn.Identity(), nn.Dropout(0.99)).train()
    network.register_forward_hook(
        lambda module, *_: modes.append((module.training, torch.is_grad_enabled()))
    )
    count_overlap(network, noisy, np.arange(4), "float32")
    assert modes == [(False, False)]
