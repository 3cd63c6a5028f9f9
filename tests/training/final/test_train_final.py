"""A final training ends the same after any interruption, and uses only its own checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from mbnas.data.datasets.folds import make_folds
from mbnas.errors import ModelError, TrainingError, WriteError
from mbnas.machine.files import writing
from mbnas.training.final import train_final as final
from mbnas.training.final.checkpoint import Checkpoint
from mbnas.training.final.learning_curve import read_curve, write_curve
from mbnas.training.final.train_final import FINAL, FinalTask, train_final
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.loop.fit import train_once
from mbnas.training.training_record import EpochRecord


@pytest.fixture
def to_train(task, tmp_path):
    return FinalTask(
        training=replace(task, fold=1, initialisation=FINAL),
        class_names=("zone", "gland"),
        weights=tmp_path / "fold1.safetensors",
    )


class Cut(BaseException):
    """Stands for the end of the process."""


def cut_after(monkeypatch, epochs):
    """Interrupt a training after some epochs of this process."""
    begin_training, done = final.begin_training, []

    def begin(*arguments, **options):
        network, loop = begin_training(*arguments, **options)
        advance = loop.advance

        def counted():
            if len(done) == epochs:
                raise Cut
            done.append(None)
            return advance()

        loop.advance = counted
        return network, loop

    monkeypatch.setattr(final, "begin_training", begin)


def test_the_weights_are_those_of_a_training_of_a_search(to_train, slices):
    train_final(to_train)
    attempt = train_once(to_train.training, load_slices(slices, "cpu"))
    weights = load_file(to_train.weights)
    for name, tensor in attempt.network.state_dict().items():
        assert torch.equal(weights[name], tensor)
    assert [each.loss for each in read_curve(to_train.curve)] == [
        each.loss for each in attempt.epochs
    ]
    assert read_curve(to_train.curve)[-1] == attempt.epochs[-1]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_an_interrupted_training_ends_with_the_same_weights(to_train, tmp_path, monkeypatch, cut):
    monkeypatch.setattr(final, "_SAVING_SHARE", np.inf)  # a checkpoint after every epoch
    whole = replace(to_train, weights=tmp_path / "whole.safetensors")
    train_final(whole)
    with monkeypatch.context() as patch:
        cut_after(patch, cut)
        with pytest.raises(Cut):
            train_final(to_train)
        assert to_train.checkpoint.exists()
        assert not to_train.weights.exists()
    with monkeypatch.context() as patch:
        cut_after(patch, 4 - cut)  # no epoch is made again
        train_final(to_train)
    assert to_train.weights.read_bytes() == whole.weights.read_bytes()
    assert to_train.curve.read_bytes() == whole.curve.read_bytes()
    assert not to_train.checkpoint.exists()


def test_a_fold_beyond_the_last_learns_from_all_patients(to_train, monkeypatch, slices):
    seen = set()
    begin = final.begin_training

    def spying(task, data, plan):
        seen.update(data.patients[number] for number in data.patient_N[plan.training_slices])
        return begin(task, data, plan)

    monkeypatch.setattr(final, "begin_training", spying)
    folds = make_folds(load_slices(slices, "cpu").patient_classes, 2, seed=0)
    train_final(to_train)
    assert seen == set(folds[1].train)
    everyone = replace(to_train, training=replace(to_train.training, fold=2))
    train_final(everyone)
    assert seen == set(folds[0].train) | set(folds[1].train)
    assert all(each.class_dice is None for each in read_curve(everyone.curve))


def test_the_checkpoint_of_another_training_is_refused(to_train, monkeypatch):
    monkeypatch.setattr(final, "_SAVING_SHARE", np.inf)
    cut_after(monkeypatch, 2)
    with pytest.raises(Cut):
        train_final(to_train)
    other = replace(to_train, training=replace(to_train.training, fold=0))
    with pytest.raises(ModelError, match="of another training"):
        train_final(other)
    content = to_train.checkpoint.read_bytes()
    to_train.checkpoint.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="not a readable checkpoint"):
        train_final(to_train)
    to_train.checkpoint.write_bytes(content)
    before = Checkpoint.read(to_train.checkpoint, str(to_train.training.key))
    network = dict(before.network)
    del network["head.bias"]
    replace(before, network=network).write(to_train.checkpoint)
    with pytest.raises(ModelError, match="does not fit its network"):
        train_final(to_train)


def test_a_full_disk_is_an_error_and_the_checkpoint_stays(to_train, monkeypatch):
    monkeypatch.setattr(final, "_SAVING_SHARE", np.inf)

    def full(path, content):
        with writing(path, needed_bytes=len(content)):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mbnas.training.final.weights_file.write_bytes", full)
        with pytest.raises(WriteError, match=r"The disk is full: .* \(it needs .* are left\)"):
            train_final(to_train)
    assert to_train.checkpoint.exists()
    train_final(to_train)
    assert to_train.weights.exists()


def test_a_loss_that_is_not_finite_is_an_error(to_train):
    training = replace(to_train.training.protocol.training, learning_rate=1e30)
    protocol = replace(to_train.training.protocol, training=training)
    with pytest.raises(TrainingError, match="stopped being finite"):
        train_final(replace(to_train, training=replace(to_train.training, protocol=protocol)))


DICE = st.none() | st.floats(0, 1)


@given(
    losses=st.lists(st.floats(0, 10), max_size=5),
    dice=st.none() | st.tuples(st.floats(0, 1), DICE),
)
def test_a_curve_round_trips(tmp_path_factory, losses, dice):
    path = tmp_path_factory.mktemp("curve") / "curve.csv"
    epochs = tuple(
        EpochRecord(epoch=number, learning_rate=1e-3, loss=loss, class_dice=dice)
        for number, loss in enumerate(losses, start=1)
    )
    write_curve(path, epochs, ("first, with a comma", "second"))
    assert read_curve(path) == epochs
