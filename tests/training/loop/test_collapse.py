"""Collapse is judged on training slices only, with the same result as predicting all of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mbnas.data.datasets.label_scheme import Targets
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loop import collapse, validation
from mbnas.training.loop.collapse import judge_collapse

NUM_CLASSES = 4


class Counting(nn.Module):
    """Returns images as logits, and counts the slices."""

    def __init__(self):
        super().__init__()
        self.num_slices = 0

    def forward(self, images_BCHW):
        self.num_slices += len(images_BCHW)
        return images_BCHW


def slices_of(labels_NHW, predicted_NHW):
    """Slices whose images are the logits of a prediction."""
    logits_NKHW = nn.functional.one_hot(torch.from_numpy(predicted_NHW).long(), NUM_CLASSES)
    return ResidentSlices(
        images_NCHW=logits_NKHW.permute(0, 3, 1, 2).float().contiguous(),
        labels_NHW=torch.from_numpy(labels_NHW),
        patient_N=np.zeros(len(labels_NHW), dtype=np.int64),
        patient_classes={"a": frozenset({1, 2, 3})},
        targets=Targets(num_labels=NUM_CLASSES - 1),
        flip_axis_dims={},
    )


def judged(labels_NHW, predicted_NHW, chosen):
    return judge_collapse(Counting(), slices_of(labels_NHW, predicted_NHW), chosen, "float32")


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.floats(0, 0.3),
    st.integers(1, 3),
)
def test_it_is_the_result_of_predicting_all_training_slices(seed, number, rarity, batch):
    rng = np.random.default_rng(seed)

    def drawn():
        classes_NHW = rng.integers(0, NUM_CLASSES, (number, 2, 2))
        return np.where(rng.random((number, 2, 2)) < rarity, classes_NHW, 0).astype(np.uint8)

    labels_NHW, predicted_NHW = drawn(), drawn()
    chosen = np.flatnonzero(rng.random(number) < 0.7)
    if not len(chosen):
        return
    shown = [{*labels_NHW[index].flat} for index in chosen]
    foreground = range(1, NUM_CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        for module in (collapse, validation):
            patch.setattr(module, "PREDICTED_AT_ONCE", batch)
        found = judged(labels_NHW, predicted_NHW, chosen)
    absent = [each for each in foreground if not any(each in one for one in shown)]
    assert found.absent == tuple(absent)
    assert found.collapsed == tuple(
        each
        for each in foreground
        if each not in absent
        and not np.any((labels_NHW[chosen] == each) & (predicted_NHW[chosen] == each))
    )


@pytest.mark.parametrize(("num_found", "collapsed"), [(0, (1,)), (15, (1,)), (16, ())])
def test_a_class_of_which_a_few_pixels_are_found_has_collapsed(num_found, collapsed):
    """As of a network that lost a class and gives it to a sliver: a hundredth is 16 pixels."""
    labels_NHW = np.ones((100, 4, 4), np.uint8)
    predicted_NHW = np.zeros_like(labels_NHW)
    predicted_NHW.flat[-num_found - 1 : -1] = 1
    found = judged(labels_NHW, predicted_NHW, np.arange(100))
    assert found.collapsed == collapsed


def test_pixels_outside_a_class_do_not_count_as_found():
    labels_NHW = np.zeros((10, 4, 4), np.uint8)
    labels_NHW[:, 0] = 1
    found = judged(labels_NHW, (1 - labels_NHW).astype(np.uint8), np.arange(10))
    assert found.collapsed == (1,)


def test_a_class_predicted_only_on_slices_without_it_has_collapsed():
    labels_NHW = np.zeros((2, 2, 2), np.uint8)
    labels_NHW[0] = 1
    found = judged(labels_NHW, 1 - labels_NHW, np.arange(2))
    assert (found.collapsed, found.absent) == ((1,), (2, 3))


def test_a_sound_network_is_judged_by_the_slices_with_most_of_each_class():
    labels_NHW = np.zeros((1000, 4, 4), np.uint8)
    labels_NHW[:, 0, 0] = 1
    labels_NHW[500, 1:] = 2
    labels_NHW[900, 1:] = 3
    network = Counting()
    found = judge_collapse(network, slices_of(labels_NHW, labels_NHW), np.arange(1000), "float32")
    assert (found.collapsed, found.absent) == ((), ())
    assert network.num_slices == 64
    assert not network.training


def test_only_slices_that_show_a_class_are_searched_for_it():
    labels_NHW = np.zeros((1000, 4, 4), np.uint8)
    labels_NHW[:, 0, 0] = 1
    labels_NHW[500:510, 1:] = 2
    predicted_NHW = np.where(labels_NHW == 2, 0, labels_NHW).astype(np.uint8)
    network = Counting()
    found = judge_collapse(
        network, slices_of(labels_NHW, predicted_NHW), np.arange(1000), "float32"
    )
    assert (found.collapsed, found.absent) == ((2,), (3,))
    assert network.num_slices == 64
