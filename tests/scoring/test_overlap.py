"""Dice from counts: equal to MONAI's where defined, undefined for absent classes."""

import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric
from numpy.testing import assert_allclose

from mbnas.scoring.overlap import OverlapCounts, mean_defined


def counts_of(*triples):
    """Counts of one class, one (overlap, predicted, reference) for each patient."""
    overlap, predicted, reference = (np.array([column]).T for column in zip(*triples, strict=True))
    return OverlapCounts(overlap=overlap, predicted=predicted, reference=reference)


@pytest.mark.parametrize(
    ("overlap", "predicted", "reference", "dice"),
    [
        (4, 4, 4, 1.0),
        (0, 4, 4, 0.0),
        (2, 4, 4, 0.5),
        (1, 1, 3, 0.5),
        (4, 4, 12, 0.5),
        (0, 5, 0, 0.0),
        (0, 0, 5, 0.0),
        (0, 0, 0, np.nan),
    ],
)
def test_dice_of_one_volume(overlap, predicted, reference, dice):
    assert_allclose(counts_of((overlap, predicted, reference)).dice(), [[dice]])


def test_dice_is_that_of_monai():
    rng = np.random.default_rng(0)
    one_hot = torch.eye(4)
    predicted, reference = (
        one_hot[torch.from_numpy(rng.integers(0, 4, (3, 6, 7, 5)))].movedim(-1, 1) for _ in range(2)
    )
    metric = DiceMetric(include_background=False, reduction="none")
    expected = metric(predicted, reference)
    sums = {
        "overlap": predicted * reference,
        "predicted": predicted,
        "reference": reference,
    }
    counts = OverlapCounts(
        **{name: maps[:, 1:].sum(dim=(2, 3, 4)).long().numpy() for name, maps in sums.items()}
    )
    assert_allclose(counts.dice(), expected, rtol=1e-6)


def test_a_class_is_averaged_over_the_patients_who_have_it():
    counts = counts_of((4, 4, 4), (0, 0, 0), (2, 4, 4))
    assert counts.class_dice() == (0.75,)


def test_a_false_positive_counts_as_zero_and_absence_does_not_count():
    assert counts_of((4, 4, 4), (0, 1, 0)).class_dice() == (0.5,)
    assert counts_of((0, 0, 0)).class_dice() == (None,)


@pytest.mark.parametrize(
    ("values", "mean"),
    [((), None), ((None,), None), ((0.0, None), 0.0), ((0.25, 0.75), 0.5)],
)
def test_the_mean_over_defined_values(values, mean):
    assert mean_defined(values) == mean
