"""Losses against their formulas in numpy, and against MONAI's."""

from typing import get_args

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss
from numpy.testing import assert_allclose

from mbnas.data.datasets.label_scheme import Targets
from mbnas.training.loop.losses import LOSSES, make_loss
from mbnas.training.protocol import LossName

SMOOTH = 1e-5  # in numerator and denominator, as MONAI adds it


def example(num_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(4, num_classes, 5, 6))
    labels = rng.integers(0, num_classes, (4, 5, 6)).astype(np.uint8)
    return logits, labels


def loss_of(name, logits):
    return make_loss(name, Targets(num_labels=logits.shape[1] - 1))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def one_hot(labels, num_classes):
    return np.moveaxis(np.eye(num_classes)[labels], -1, 1)


def dice_loss(logits, labels):
    """One minus soft Dice, each foreground class over the whole batch."""
    p, g = softmax(logits)[:, 1:], one_hot(labels, logits.shape[1])[:, 1:]
    over = (0, 2, 3)
    overlap, size = (p * g).sum(axis=over), (p + g).sum(axis=over)
    return np.mean(1 - (2 * overlap + SMOOTH) / (size + SMOOTH))


def cross_entropy(logits, labels):
    chosen = (softmax(logits) * one_hot(labels, logits.shape[1])).sum(axis=1)
    return -np.log(chosen).mean()


FORMULAS = {
    "dice": dice_loss,
    "dice+cross-entropy": lambda *given: dice_loss(*given) + cross_entropy(*given),
}


def test_every_loss_has_a_formula():
    assert FORMULAS.keys() == LOSSES.keys()


def test_every_name_that_a_protocol_allows_has_a_loss():
    assert LOSSES.keys() == set(get_args(LossName))


@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_follows_its_formula(name, num_classes):
    logits, labels = example(num_classes)
    found = loss_of(name, logits)(torch.from_numpy(logits).float(), torch.from_numpy(labels))
    assert_allclose(found, FORMULAS[name](logits, labels), rtol=1e-5)


MONAIS = {
    "dice": DiceLoss(include_background=False, softmax=True, batch=True),
    "dice+cross-entropy": DiceCELoss(include_background=False, softmax=True, batch=True),
}


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_equal_those_of_monai_bit_for_bit(name, num_classes, absent):
    logits, labels = example(num_classes)
    if absent:
        labels[:] = 0
    ours, theirs = (torch.from_numpy(logits).float().requires_grad_() for _ in range(2))
    target = torch.from_numpy(one_hot(labels, num_classes)).float()
    found, expected = (
        loss_of(name, ours)(ours, torch.from_numpy(labels)),
        MONAIS[name](theirs, target),
    )
    found.backward()
    expected.backward()
    assert torch.equal(found, expected)
    assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", LOSSES)
def test_a_class_absent_from_one_slice_is_scored_over_the_batch(name):
    logits, labels = example()
    labels[0] = 0
    found = loss_of(name, logits)(torch.from_numpy(logits).float(), torch.from_numpy(labels))
    assert_allclose(found, FORMULAS[name](logits, labels), rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_prediction_has_a_loss_of_zero(name):
    _, labels = example()
    logits = torch.from_numpy(100 * one_hot(labels, 3)).float()
    assert loss_of(name, logits)(logits, torch.from_numpy(labels)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_down_the_gradient_lowers_the_loss(name):
    logits, labels = (torch.from_numpy(array) for array in example())
    logits = logits.float().requires_grad_()
    loss = loss_of(name, logits)
    before = loss(logits, labels)
    before.backward()
    assert loss((logits - 0.1 * logits.grad).detach(), labels) < before
