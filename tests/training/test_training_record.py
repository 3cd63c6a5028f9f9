"""Records validate themselves."""

import math
from dataclasses import replace

import pytest

from mbnas.training.training_record import EpochRecord, TrainingKey, TrainingRecord

KEY = TrainingKey(network="n", protocol="p", fold=1, initialisation=2)
SOUND = TrainingRecord(key=KEY, score=0.5, wall_s=1.0, worker="w", started_at="now")
EPOCH = EpochRecord(epoch=1, learning_rate=0.1, loss=math.nan, class_dice=(None, 0.5))


def test_the_text_of_a_key():
    assert str(KEY) == "fold 1, initialisation 2 of network n under protocol p"


@pytest.mark.parametrize("change", [{"fold": -1}, {"initialisation": -1}])
def test_folds_and_initialisations_count_from_zero(change):
    with pytest.raises(ValueError, match="count from 0"):
        replace(KEY, **change)


def test_epochs_count_from_one():
    with pytest.raises(ValueError, match="count from 1"):
        replace(EPOCH, epoch=0)


def test_a_class_that_is_not_defined_is_none():
    with pytest.raises(ValueError, match="must be finite, or None"):
        replace(EPOCH, class_dice=(math.nan,))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"error": "why"}, "and not both"),
        ({"score": None}, "and not both"),
        ({"score": math.nan}, "must be finite"),
        ({"attempts": 0}, "1 or more"),
        ({"epochs": (EPOCH, EPOCH)}, "must ascend"),
    ],
)
def test_a_training_cannot_contradict_itself(change, rule):
    with pytest.raises(ValueError, match=rule):
        replace(SOUND, **change)
