"""The standard error covers patients and trainings, and agrees with the tests it contains."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mbnas.scoring.superiority import superiority

PATIENTS, FOLDS = 21, 3
FOLD_OF = np.arange(PATIENTS) % FOLDS


def drawn(rng, initialisations, folds_P, patient=0.018, training=0.006, residual=0.026):
    """Return differences of a true difference of 0."""
    num_folds = int(folds_P.max()) + 1
    shape = (initialisations, folds_P.size)
    return (
        rng.normal(0, patient, folds_P.size)
        + rng.normal(0, training, (initialisations, num_folds))[:, folds_P]
        + rng.normal(0, residual, shape)
    )


def compared(differences_IP, folds_P=None):
    return superiority(differences_IP, np.zeros_like(differences_IP), folds_P)


def reference_squares(differences_IP, folds_P):
    """Return the three mean squares from least squares on indicator variables."""
    num_initialisations, num_patients = differences_IP.shape
    patient = np.tile(np.arange(num_patients), num_initialisations)
    row = np.repeat(np.arange(num_initialisations), num_patients)
    training = row * (folds_P.max() + 1) + folds_P[patient]
    values = differences_IP.ravel()

    def left(*factors):
        design = np.concatenate(
            [np.ones((values.size, 1))] + [np.eye(each.max() + 1)[each] for each in factors], axis=1
        )
        solution, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
        return ((values - design @ solution) ** 2).sum(), values.size - rank

    (all_left, all_freedom), (no_training, freedom) = left(patient, training), left(patient)
    total, _ = left()
    return (
        (total - no_training) / (num_patients - 1),
        (no_training - all_left) / (freedom - all_freedom),
        all_left / all_freedom,
    )


@pytest.mark.parametrize("folds_P", [FOLD_OF, np.zeros(PATIENTS, dtype=int)])
def test_the_standard_error_is_that_of_the_analysis_of_variance(folds_P):
    differences_IP = drawn(np.random.default_rng(3), 4, folds_P, training=0.03)
    found = compared(differences_IP, folds_P)
    patients, trainings, residuals = reference_squares(differences_IP, folds_P)
    squared = (patients + trainings - residuals) / differences_IP.size
    assert squared * differences_IP.size > max(patients, trainings)
    assert found.standard_error == pytest.approx(math.sqrt(squared))
    assert found.difference == pytest.approx(differences_IP.mean())
    num_trainings = 4 * (folds_P.max() + 1)
    freedom = (PATIENTS - 1, num_trainings - num_trainings // 4)
    parts = np.array([patients, trainings, residuals])
    freedoms = np.array([*freedom, 4 * PATIENTS - 1 - sum(freedom)])
    assert found.freedom == pytest.approx(
        (patients + trainings - residuals) ** 2 / (parts**2 / freedoms).sum()
    )
    assert (found.num_patients, found.num_trainings) == (PATIENTS, num_trainings)


def test_without_noise_of_trainings_it_is_the_t_test_over_patients():
    values_P = np.random.default_rng(1).normal(0.01, 0.02, PATIENTS)
    found = compared(np.tile(values_P, (3, 1)), FOLD_OF)
    expected = stats.ttest_1samp(values_P, 0, alternative="greater")
    assert found.probability_above() == pytest.approx(1 - expected.pvalue)
    low, high = expected = stats.ttest_1samp(values_P, 0).confidence_interval(0.9)
    interval = found.interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_without_noise_of_patients_it_is_the_t_test_over_initialisations():
    values_I = np.random.default_rng(1).normal(0.01, 0.02, 5)
    found = compared(np.tile(values_I[:, None], (1, PATIENTS)))
    expected = stats.ttest_1samp(values_I, 0.004, alternative="greater")
    assert found.probability_above(0.004) == pytest.approx(1 - expected.pvalue)


def test_of_one_initialisation_it_is_the_t_test_over_folds():
    differences_IP = drawn(np.random.default_rng(1), 1, FOLD_OF)
    means_F = [differences_IP[0, fold == FOLD_OF].mean() for fold in range(FOLDS)]
    expected = stats.ttest_1samp(means_F, 0, alternative="greater")
    found = compared(differences_IP, FOLD_OF)
    assert found.probability_above() == pytest.approx(1 - expected.pvalue)
    assert found.freedom == FOLDS - 1


@pytest.mark.parametrize("shape", [(1, PATIENTS), (1, 1), (4, 1)])
def test_one_training_or_one_patient_is_not_enough(shape):
    differences_IP = np.random.default_rng(0).normal(0.5, 0.001, shape)
    found = compared(differences_IP)
    assert (found.freedom, found.probability_above()) == (0, 0.5)
    assert found.interval() is None


@pytest.mark.parametrize(("difference", "expected"), [(0.01, 1), (0.0, 0.5), (-0.01, 0)])
def test_equal_differences_leave_no_doubt(difference, expected):
    first_IP = np.random.default_rng(0).normal(0.8, 0.1, (3, PATIENTS))
    found = superiority(first_IP + difference, first_IP, FOLD_OF)
    assert found.standard_error == 0
    assert found.probability_above() == expected


def test_swapped_networks_swap_the_probability():
    rng = np.random.default_rng(0)
    first_IP, second_IP = rng.normal(0.8, 0.1, (2, 3, PATIENTS))
    forth, back = (
        superiority(*pair, FOLD_OF) for pair in ((first_IP, second_IP), (second_IP, first_IP))
    )
    assert forth.probability_above(0.01) == pytest.approx(1 - back.probability_above(-0.01))


def test_missing_values_leave_out_trainings_and_patients():
    differences_IP = drawn(np.random.default_rng(0), 4, FOLD_OF)
    holed_IP = differences_IP.copy()
    holed_IP[2, FOLD_OF == 1] = np.nan  # a training that failed
    holed_IP[1, 0] = np.nan  # a patient without a value in one initialisation
    found = compared(holed_IP, FOLD_OF)
    assert (found.num_patients, found.num_trainings) == (PATIENTS - 1, 4 * FOLDS - 1)
    on_first = differences_IP[:, (FOLD_OF == 0) & (np.arange(PATIENTS) > 0)].mean(axis=0)
    on_second = differences_IP[[0, 1, 3]][:, FOLD_OF == 1].mean(axis=0)
    on_third = differences_IP[:, FOLD_OF == 2].mean(axis=0)
    expected = np.concatenate([on_first, on_second, on_third]).mean()
    assert found.difference == pytest.approx(expected)
    assert compared(np.full((3, PATIENTS), np.nan), FOLD_OF) is None


def test_values_that_do_not_fit_are_refused():
    values = np.zeros((2, 5))
    with pytest.raises(ValueError, match="initialisations x patients"):
        superiority(values, values[:1])
    with pytest.raises(ValueError, match="one number for each"):
        superiority(values, values, np.zeros(4, dtype=int))
    with pytest.raises(ValueError, match="finite"):
        superiority(values + np.inf, values)
    with pytest.raises(ValueError, match="freedom"):
        replace(compared(np.eye(4)), freedom=-1.0)
    with pytest.raises(ValueError, match="confidence"):
        compared(np.eye(4)).interval(1.0)


@pytest.mark.parametrize("initialisations", [1, 2, 5, 12])
@pytest.mark.parametrize(
    "sizes",
    [
        {"patient": 0.018, "training": 0.006, "residual": 0.026},
        {"patient": 0.0, "training": 0.012, "residual": 0.026},
        {"patient": 0.03, "training": 0.0, "residual": 0.01},
    ],
    ids=["hippocampus", "trainings", "patients"],
)
@pytest.mark.parametrize("folds_P", [FOLD_OF, np.zeros(PATIENTS, dtype=int)], ids=["folds", "held"])
def test_equal_networks_are_rarely_called_better(folds_P, sizes, initialisations):
    """New patients and new trainings in each replicate: P reaches 0.95 in 5 % or fewer."""
    rng = np.random.default_rng(initialisations)
    num_replicates = 500
    called = np.mean(
        [
            compared(drawn(rng, initialisations, folds_P, **sizes), folds_P).probability_above()
            >= 0.95
            for _ in range(num_replicates)
        ]
    )
    # 5 % give up to 8.0 % of 500, but once in 500 (binomial).
    assert called <= 0.08
