"""The Gaussian process against SciPy's multivariate normal distribution and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from mbnas.search.bayesian.features import FeatureMap
from mbnas.search.bayesian.kernel import Hyperparameters, covariance, variances
from mbnas.search.bayesian.observations import observe
from mbnas.search.bayesian.surrogate import FitObjective, condition, fit
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=5, num_levels=3)
FEATURES = FeatureMap(SPACE)
NUM_GROUPS = len(FEATURES.names)


def answers(num_networks, seed=0, again=(), noise=0.5):
    """Scores of drawn networks; ``again`` names those with a second initialisation."""
    rng = np.random.default_rng(seed)
    genotypes = []
    while len(genotypes) < num_networks:
        if (genotype := SPACE.sample(rng)) not in genotypes:
            genotypes.append(genotype)
    features_NF = FEATURES.of(genotypes)
    true_N = features_NF @ rng.normal(size=features_NF.shape[1])
    first_N = true_N + noise * rng.normal(size=num_networks)
    proposed = Proposal(genotypes=tuple(genotypes), incumbent=None, why="", initialisations=1)
    found = [(proposed, tuple(first_N))]
    for number in again:
        mean = (first_N[number] + true_N[number] + noise * rng.normal()) / 2
        proposed = Proposal(
            genotypes=(genotypes[number],), incumbent=None, why="", initialisations=2
        )
        found.append((proposed, (mean,)))
    return found


def hyperparameters(seed=0):
    centre = Hyperparameters.prior_means(NUM_GROUPS).vector
    drawn = centre + 0.5 * np.random.default_rng(seed).normal(size=len(centre))
    return Hyperparameters.of_vector(drawn)


def prior(features_NF, hyper):
    own_NN = hyper.network_variance * np.eye(len(features_NF))
    return covariance(features_NF, features_NF, FEATURES.groups, hyper) + own_NN


def test_the_variances_are_the_diagonal_of_the_covariance():
    features_NF = FEATURES.of([SPACE.genotype_at(number) for number in range(9)])
    hyper = hyperparameters()
    expected = np.diag(prior(features_NF, hyper))
    assert variances(features_NF, FEATURES.groups, hyper) == pytest.approx(expected)


def test_hyperparameters_survive_as_a_vector():
    vector = np.arange(2.0 * NUM_GROUPS + 3)
    assert Hyperparameters.of_vector(vector).vector == pytest.approx(vector)


@pytest.mark.parametrize("seed", range(3))
def test_the_posterior_is_that_of_a_normal_distribution(seed):
    found = observe(answers(12, seed, again=(0, 3)))
    features_NF = FEATURES.of(found.genotypes)
    hyper = hyperparameters(seed)
    surrogate = condition(found, features_NF, FEATURES.groups, hyper)
    others = [SPACE.genotype_at(1000 * number) for number in range(5)]
    wanted = [found.genotypes[3], *others]
    features_MF = FEATURES.of(wanted)
    means_M, variances_M, columns = surrogate.cross(features_MF, np.array([3] + [-1] * 5))
    joint = prior(np.concatenate([features_NF, features_MF]), hyper)
    joint[3, 12] += hyper.network_variance  # the same network
    joint[12, 3] += hyper.network_variance
    noisy = joint[:12, :12] + np.diag(hyper.noise_variance / found.counts_N)
    gain = joint[12:, :12] @ np.linalg.inv(noisy)
    assert means_M == pytest.approx(gain @ found.means_N)
    expected = joint[12:, 12:] - gain @ joint[:12, 12:]
    assert variances_M == pytest.approx(np.diag(expected))
    assert joint[12:, 12:] - columns.T @ columns == pytest.approx(expected)
    assert surrogate.means_of(found)[3] == pytest.approx(means_M[0])


def test_scikit_learn_predicts_the_same():
    process = pytest.importorskip("sklearn.gaussian_process")
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    found = observe(answers(15, again=(1, 2)))
    features_NF = FEATURES.of(found.genotypes)
    hyper = Hyperparameters.of_vector(
        np.array([*[-30.0] * NUM_GROUPS, *[np.log(0.4)] * NUM_GROUPS, 0.1, -20.0, -0.5])
    )
    kernel = kernels.ConstantKernel(4.0) + kernels.ConstantKernel(np.exp(0.1)) * kernels.RBF(
        length_scale=np.sqrt(1 / (2 * 0.4))
    )
    reference = process.GaussianProcessRegressor(
        kernel, alpha=hyper.noise_variance / found.counts_N, optimizer=None
    ).fit(features_NF, found.means_N)
    others = FEATURES.of([SPACE.genotype_at(777 * number) for number in range(6)])
    means, sds = reference.predict(others, return_std=True)
    surrogate = condition(found, features_NF, FEATURES.groups, hyper)
    means_M, variances_M, _ = surrogate.cross(others, np.full(6, -1))
    assert means_M == pytest.approx(means, abs=1e-6)
    assert np.sqrt(variances_M) == pytest.approx(sds, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_objective_is_the_density_of_all_single_scores(seed):
    found = answers(10, seed, again=(0, 4, 5))
    observations = observe(found)
    features_NF = FEATURES.of(observations.genotypes)
    objective = FitObjective(observations, features_NF, FEATURES.groups)
    singles, of_network = [], []
    (_, first), *second = found
    for number, score in enumerate(first):
        singles.append(score)
        of_network.append(number)
    for (proposal, (mean,)), number in zip(second, (0, 4, 5), strict=True):
        assert proposal.genotypes == (observations.genotypes[number],)
        singles.append(2 * mean - first[number])
        of_network.append(number)
    singles = np.maximum((np.array(singles) - observations.centre) / observations.scale, -3.0)

    def reference(vector):
        hyper = Hyperparameters.of_vector(vector)
        between = prior(features_NF, hyper)[np.ix_(of_network, of_network)]
        between += hyper.noise_variance * np.eye(len(singles))
        log_density = multivariate_normal(cov=between).logpdf(singles)
        return -log_density + 0.5 * ((vector - objective.centre) ** 2).sum()

    one, other = hyperparameters(seed).vector, hyperparameters(seed + 7).vector
    difference = objective(one)[0] - objective(other)[0]  # a constant is left out
    assert difference == pytest.approx(reference(one) - reference(other))
    assert objective(one)[1] == pytest.approx(approx_fprime(one, reference, 1e-6), abs=1e-3)


def test_a_fit_is_better_than_the_centre_and_finds_the_noise():
    found = observe(answers(80, again=range(60), noise=0.3))
    features_NF = FEATURES.of(found.genotypes)
    hyper = fit(found, features_NF, FEATURES.groups)
    objective = FitObjective(found, features_NF, FEATURES.groups)
    assert objective(hyper.vector)[0] < objective(objective.centre)[0]
    assert np.sqrt(hyper.noise_variance) * found.scale == pytest.approx(0.3, rel=0.3)
