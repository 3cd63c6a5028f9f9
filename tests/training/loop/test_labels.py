"""Regions and ignored pixels in training: brute-force masks, nnU-Net's and MONAI's losses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from mbnas.data.augmentation.transform import augment, mirror_labels
from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.network.head import bias_head_to_odds
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.target_masks import predicted_labels
from mbnas.training.loop.collapse import judge_collapse
from mbnas.training.loop.fit import train_once
from mbnas.training.loop.losses import LOSSES, make_loss
from mbnas.training.loop.validation import count_overlap

REGIONS = ((1, 2, 3), (2, 3), (3,))
CLASSES = Targets(num_labels=3, ignores=True)
NESTED = Targets(num_labels=3, regions=REGIONS, written=(1, 2, 3), ignores=True)
BOTH = pytest.mark.parametrize("targets", [CLASSES, NESTED], ids=["classes", "regions"])
SMOOTH = 1e-5


def example(targets, seed=0, size=9):
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(4, targets.num_outputs, size, size)).astype(np.float32)
    labels = rng.choice((0, 1, 2, 3, IGNORED), (4, size, size)).astype(np.uint8)
    return torch.from_numpy(logits), torch.from_numpy(labels)


def expected_loss(name, logits_BKHW, labels_BHW, targets):
    """The loss in numpy, of the labelled pixels one after another."""
    logits = np.moveaxis(logits_BKHW.double().numpy(), 1, -1)
    labelled = labels_BHW.numpy() != IGNORED
    logits_PK, labels_P = logits[labelled], labels_BHW.numpy()[labelled]
    if targets.regions:
        p = 1 / (1 + np.exp(-logits_PK))
        g = np.stack([np.isin(labels_P, each) for each in targets.regions], axis=-1)
        entropy = -np.log(np.where(g, p, 1 - p)).mean()
    else:
        powers = np.exp(logits_PK)
        p = powers / powers.sum(axis=1, keepdims=True)
        g = labels_P[:, None] == np.arange(p.shape[1])
        entropy = -np.log(p[g]).mean()
        p, g = p[:, 1:], g[:, 1:]
    dice = (2 * (p * g).sum(axis=0) + SMOOTH) / ((p + g).sum(axis=0) + SMOOTH)
    return np.mean(1 - dice) + (entropy if name == "dice+cross-entropy" else 0)


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_that_of_the_labelled_pixels(name, targets):
    logits, labels = example(targets)
    found = make_loss(name, targets)(logits, labels)
    assert_allclose(found, expected_loss(name, logits, labels, targets), rtol=1e-5)


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_nothing_under_ignored_pixels_changes_a_loss_and_no_gradient_arrives_there(name, targets):
    logits, labels = example(targets)
    ignored = (labels == IGNORED)[:, None]
    other = torch.where(ignored, logits + 7, logits)
    gradients, losses = [], []
    for given in (logits, other):
        given.requires_grad_()
        losses.append(make_loss(name, targets)(given, labels))
        losses[-1].backward()
        gradients.append(given.grad)
    assert torch.equal(*losses)
    assert torch.equal(*gradients)
    assert (gradients[0].masked_select(ignored) == 0).all()
    assert (gradients[0].masked_select(~ignored) != 0).any()


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_an_ignore_label_that_no_pixel_has_changes_no_loss(name, targets):
    logits, labels = example(targets)
    labels[labels == IGNORED] = 1
    found, expected = (
        make_loss(name, each)(logits, labels) for each in (targets, replace(targets, ignores=False))
    )
    assert_allclose(found, expected, rtol=1e-6)


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_a_labelled_pixel_has_a_finite_loss_without_gradient(name, targets):
    logits, labels = example(targets)
    logits.requires_grad_()
    loss = make_loss(name, targets)(logits, torch.full_like(labels, IGNORED))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert (logits.grad == 0).all()


def test_losses_of_classes_are_those_of_nnunet():
    losses = pytest.importorskip("nnunetv2.training.loss.compound_losses")
    dice = pytest.importorskip("nnunetv2.training.loss.dice")
    options = {"batch_dice": True, "smooth": SMOOTH, "do_bg": False, "ddp": False}
    theirs = losses.DC_and_CE_loss(
        options, {}, ignore_label=IGNORED, dice_class=dice.MemoryEfficientSoftDiceLoss
    )
    logits, labels = example(CLASSES)
    expected = 1 + theirs(logits, labels[:, None].long())  # nnU-Net's is minus Dice
    found = make_loss("dice+cross-entropy", CLASSES)(logits, labels)
    assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("ignores", [True, False])
def test_losses_of_regions_are_those_of_nnunet(ignores):
    losses = pytest.importorskip("nnunetv2.training.loss.compound_losses")
    targets = replace(NESTED, ignores=ignores)
    logits, labels = example(targets)
    labels = labels if ignores else torch.where(labels == IGNORED, 0, labels)
    options = {"batch_dice": True, "smooth": SMOOTH, "do_bg": True, "ddp": False}
    masks = [torch.isin(labels, torch.tensor(each)) for each in (*REGIONS, (IGNORED,))]
    target = torch.stack(masks[: 4 if ignores else 3], dim=1).float()
    both = losses.DC_and_BCE_loss({}, options, use_ignore_label=ignores)
    dice_alone = losses.DC_and_BCE_loss({}, options, weight_ce=0, use_ignore_label=ignores)
    expected_dice = 1 + dice_alone(logits, target)
    entropy = both(logits, target) - dice_alone(logits, target)
    if ignores:  # nnU-Net then adds up regions, and takes their mean only without ignored pixels
        entropy /= len(REGIONS)
    assert_allclose(make_loss("dice", targets)(logits, labels), expected_dice, rtol=1e-5)
    found = make_loss("dice+cross-entropy", targets)(logits, labels)
    assert_allclose(found, expected_dice + entropy, rtol=1e-5)


def test_the_dice_loss_of_regions_is_that_of_monai():
    from monai.losses import DiceLoss

    targets = replace(NESTED, ignores=False)
    logits, labels = example(targets)
    labels = torch.where(labels == IGNORED, 0, labels)
    masks = torch.stack([torch.isin(labels, torch.tensor(each)) for each in REGIONS], dim=1)
    expected = DiceLoss(sigmoid=True, batch=True)(logits, masks.float())
    assert torch.equal(make_loss("dice", targets)(logits, labels), expected)


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        ({"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}, [1, 2, 3]),
        ({"background": 0, "enhancing": 3, "core": [2, 3], "whole": [1, 2, 3]}, [3, 2, 1]),
        ({"background": 0, "left": [1, 2], "right": [2, 3]}, [1, 3]),
        ({"background": 0, "a": 1, "b": 2, "ignore": 3}, None),
    ],
)
def test_the_label_map_of_logits_is_that_of_nnunet(tmp_path, labels, order):
    handling = pytest.importorskip("nnunetv2.utilities.label_handling.label_handling")
    from mbnas.data.datasets.declared_labels import labels_of

    theirs = handling.LabelManager(labels, order)
    targets = labels_of(tmp_path, {"labels": labels, "regions_class_order": order}).targets
    logits = torch.randn(5, targets.num_outputs, 20, 20, generator=torch.manual_seed(0))
    logits[0, :, 0] = 0.0  # a probability of one half is outside
    found = predicted_labels(logits, targets)
    for one, other in zip(found, logits, strict=True):
        expected = theirs.convert_logits_to_segmentation(other)
        assert np.array_equal(one.numpy(), np.asarray(expected))


def slices_of(labels_NHW, logits_NKHW, targets, **changes):
    """Slices of three patients whose images are the logits."""
    return ResidentSlices(
        images_NCHW=logits_NKHW,
        labels_NHW=labels_NHW,
        patient_N=np.arange(len(labels_NHW)) % 3,
        patient_classes=dict.fromkeys("abc", frozenset({1})),
        targets=targets,
        flip_axis_dims={},
        **changes,
    )


@BOTH
def test_overlap_counts_the_labelled_pixels_of_every_class_or_region(targets):
    logits, labels = example(targets)
    data = slices_of(labels, logits, targets)
    counts = count_overlap(nn.Identity(), data, np.arange(4), "float32")
    predicted = predicted_labels(logits, targets).numpy()
    labelled = labels.numpy() != IGNORED
    for patient in range(3):
        chosen = data.patient_N == patient
        for number, members in enumerate(targets.members):
            one, other = (
                np.isin(each[chosen], members) & labelled[chosen]
                for each in (predicted, labels.numpy())
            )
            assert counts.predicted[patient, number] == one.sum()
            assert counts.reference[patient, number] == other.sum()
            assert counts.overlap[patient, number] == (one & other).sum()


@BOTH
def test_a_class_predicted_on_ignored_pixels_alone_has_collapsed(targets):
    labels = torch.zeros(3, 6, 6, dtype=torch.uint8)
    labels[:, 0] = torch.arange(1, 4)[:, None]
    labels[:, 3:] = IGNORED
    right = torch.zeros_like(labels)
    right[:, 0] = 3  # in every region
    logits = _logits_of(right, targets)
    found = judge_collapse(
        nn.Identity(), slices_of(labels, logits, targets), np.arange(3), "float32"
    )
    assert found.collapsed == (() if targets.regions else (1, 2))
    wrong = torch.zeros_like(labels)
    wrong[:, 4] = 3
    logits = _logits_of(wrong, targets)
    found = judge_collapse(
        nn.Identity(), slices_of(labels, logits, targets), np.arange(3), "float32"
    )
    assert found.collapsed == (1, 2, 3)


def _logits_of(labels, targets):
    """Logits of a label map: 4 where a class or region is, −4 elsewhere."""
    members = targets.regions or tuple((label,) for label in range(4))
    masks = torch.stack([torch.isin(labels, torch.tensor(each)) for each in members], dim=1)
    return masks.float() * 8 - 4


def test_slices_without_a_labelled_pixel_are_in_no_fold():
    from mbnas.data.datasets.folds import Fold

    logits, labels = example(CLASSES)
    data = slices_of(labels, logits, CLASSES, unlabelled=(1, 3))
    training, validation = data.split(Fold(train=("a", "c"), validation=("b",)))
    assert (training.tolist(), validation.tolist()) == ([0, 2], [])


def test_pixels_from_outside_a_slice_are_ignored_if_any_are():
    images, labels = torch.zeros(1, 1, 8, 8), torch.full((1, 8, 8), 2, dtype=torch.uint8)
    labels[0, 4] = IGNORED
    shift = torch.tensor([[[1.0, 0, 1.0], [0, 1.0, 0]]])  # half of the slice is from outside
    brightness = torch.zeros(1, 1)
    for outside in (0, IGNORED):
        _, moved = augment(shift, brightness, images, labels, outside=outside)
        assert (moved[..., 4:] == outside).all()
        assert torch.equal(moved[..., :4], labels[..., 4:])


def test_ignored_pixels_stay_so_in_a_mirrored_slice():
    labels = torch.tensor([[[0, 1], [2, IGNORED]]] * 2, dtype=torch.uint8)
    mirrored = mirror_labels(labels, torch.tensor([True, False]), (0, 2, 1))
    assert mirrored.tolist() == [[[0, 2], [1, IGNORED]], [[0, 1], [2, IGNORED]]]


def test_the_head_of_regions_starts_at_their_frequencies():
    network = nn.Sequential(nn.Conv2d(1, 3, 1))
    bias_head_to_odds(network, np.array([0, 499, 998]), num_pixels=998)
    expected = np.array([1, 500, 999]) / 1000
    assert_allclose(network[0].bias.sigmoid().detach(), expected, rtol=1e-5)


@pytest.mark.slow
def test_scribbles_on_some_slices_teach_whole_regions(task):
    rng = np.random.default_rng(0)
    complete = np.zeros((48, 16, 16), np.uint8)
    for labels, (row, column) in zip(complete, rng.integers(1, 6, (48, 2)), strict=True):
        labels[row : row + 9, column : column + 9] = 1
        labels[row + 2 : row + 7, column + 2 : column + 7] = 2
    images = (complete + 0.2 * rng.normal(size=complete.shape)).astype(np.float32)[:, None]
    scribbles = np.where(rng.random(complete.shape) < 0.1, complete, IGNORED).astype(np.uint8)
    scribbles[::2] = IGNORED
    targets = Targets(num_labels=2, regions=((1, 2), (2,)), written=(1, 2), ignores=True)
    unlabelled = tuple(range(0, 48, 2))
    data = slices_of(
        torch.from_numpy(scribbles), torch.from_numpy(images), targets, unlabelled=unlabelled
    )
    training = replace(
        task.protocol.training,
        epochs=10,
        steps_per_epoch=60,
        batch_size=8,
        learning_rate=0.01,
        base_channels=8,
    )
    augmentation = replace(task.protocol.augmentation, mirror_pairs=())
    protocol = replace(task.protocol, training=training, augmentation=augmentation)
    prepare_process(1)
    attempt = train_once(replace(task, protocol=protocol), data)
    whole = slices_of(torch.from_numpy(complete), data.images_NCHW, replace(targets, ignores=False))
    counts = count_overlap(attempt.network, whole, np.arange(48), "float32")
    assert (counts.dice() > 0.9).all()
