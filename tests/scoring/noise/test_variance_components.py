"""Variance components against the analysis of variance, and against a likelihood written out."""

import itertools

import numpy as np
import pytest
from scipy import optimize, stats

from mbnas.scoring.noise.score_table import ScoreTable
from mbnas.scoring.noise.variance_components import variance_components

PARTS = ("network", "network_fold", "initialisation", "residual")


def drawn(sizes, *, num_folds=3, sds=(0.02, 0.01, 0.01, 0.01), seed=0):
    """Return scores of networks that have these numbers of initialisations."""
    rng = np.random.default_rng(seed)
    network, network_fold, initialisation, residual = sds
    folds = 0.8 + 0.05 * rng.normal(size=num_folds)
    return [
        folds
        + network * rng.normal()
        + network_fold * rng.normal(size=num_folds)
        + initialisation * rng.normal(size=(size, 1))
        + residual * rng.normal(size=(size, num_folds))
        for size in sizes
    ]


def components_of(scores):
    return variance_components(ScoreTable.of(scores))


def written_out(scores, parts):
    """Return −2 log of the restricted likelihood from the full covariance matrix."""
    rows = [
        (network, fold, initialisation)
        for network, each in enumerate(scores)
        for initialisation, fold in itertools.product(*map(range, each.shape))
    ]
    y = np.array([scores[n][i, f] for n, f, i in rows])
    means = np.array([[f == fold for fold in range(scores[0].shape[1])] for _, f, _ in rows], float)
    same = lambda key: np.array([[key(a) == key(b) for b in rows] for a in rows], float)  # noqa: E731
    covariance = sum(
        part * same(key)
        for part, key in zip(
            parts,
            (lambda r: r[0], lambda r: r[:2], lambda r: (r[0], r[2]), lambda r: r),
            strict=True,
        )
    )
    inverse = np.linalg.inv(covariance)
    information = means.T @ inverse @ means
    residual = y - means @ np.linalg.solve(information, means.T @ inverse @ y)
    return (
        np.linalg.slogdet(covariance)[1]
        + np.linalg.slogdet(information)[1]
        + residual @ inverse @ residual
    )


def test_balanced_scores_give_the_analysis_of_variance():
    scores = drawn([4] * 12)
    y = np.stack(scores)  # network, initialisation, fold
    networks, initialisations, folds = y.shape
    cells = y.mean(axis=1)
    rows = y.mean(axis=2)
    each = y.mean(axis=(1, 2))
    by_fold = y.mean(axis=(0, 1))
    ms_network = initialisations * folds * each.var(ddof=1)
    interaction = cells - each[:, None] - by_fold + y.mean()
    ms_cell = initialisations * (interaction**2).sum() / ((networks - 1) * (folds - 1))
    ms_row = folds * ((rows - each[:, None]) ** 2).sum() / (networks * (initialisations - 1))
    rest = y - cells[:, None, :] - rows[:, :, None] + each[:, None, None]
    ms_rest = (rest**2).sum() / (networks * (initialisations - 1) * (folds - 1))
    expected = (
        (ms_network - ms_cell - ms_row + ms_rest) / (initialisations * folds),
        (ms_cell - ms_rest) / initialisations,
        (ms_row - ms_rest) / folds,
        ms_rest,
    )
    assert min(expected) > 0  # else the two estimates differ
    found = components_of(scores)
    assert [getattr(found, part) for part in PARTS] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_unequal_numbers_maximise_the_restricted_likelihood(seed):
    scores = drawn([1, 1, 2, 3, 1, 4, 2, 2], seed=seed)
    found = [getattr(components_of(scores), part) for part in PARTS]
    value = written_out(scores, np.maximum(found, 1e-12))
    best = min(
        optimize.minimize(
            lambda logs: written_out(scores, np.exp(logs)),
            np.log(start),
            method="L-BFGS-B",
            bounds=[(-25, 0)] * 4,
        ).fun
        for start in ([1e-4] * 4, [1e-6, 1e-4, 1e-6, 1e-4])
    )
    assert value <= best + 1e-3


def test_one_initialisation_of_each_network_is_told_by_the_folds():
    scores = drawn([1] * 15, num_folds=4, sds=(0.03, 0, 0, 0.01))
    y = np.concatenate(scores)
    rest = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    residual = (rest**2).sum() / (14 * 3)
    found = components_of(scores)
    assert found.noise_from == "folds"
    assert found.residual == pytest.approx(residual, rel=1e-3)
    assert found.network == pytest.approx(y.mean(axis=1).var(ddof=1) - residual / 4, rel=1e-3)


def test_one_fold_and_one_initialisation_tell_no_noise():
    found = components_of(drawn([1] * 6, num_folds=1))
    assert found.noise_from == "none"
    assert found.noise == 0


def test_one_fold_gives_the_one_way_analysis():
    scores = drawn([5] * 8, num_folds=1)
    found = components_of(scores)
    groups = [each[:, 0] for each in scores]
    within = np.mean([each.var(ddof=1) for each in groups])
    assert found.noise == pytest.approx(within, rel=1e-3)
    ratio = 1 + 5 * found.between / found.noise
    assert ratio == pytest.approx(stats.f_oneway(*groups).statistic, rel=1e-3)


def test_the_mean_of_many_estimates_is_the_truth():
    sds = (0.02, 0.01, 0.015, 0.012)
    found = [components_of(drawn([2] * 20, sds=sds, seed=seed)) for seed in range(150)]
    for part, sd in zip(PARTS, sds, strict=True):
        assert np.mean([getattr(each, part) for each in found]) == pytest.approx(sd**2, rel=0.15)


def test_a_single_network_has_no_components():
    assert components_of(drawn([5])) is None


def test_equal_scores_have_no_variance():
    found = components_of([np.full((2, 3), 0.75)] * 4)
    assert (found.between, found.noise) == (0, 0)
