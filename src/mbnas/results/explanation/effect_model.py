"""A model of true scores for explanations: what it says of effects, with honest intervals.

The surrogate of a Bayesian search is made to find good networks; its hyperparameters are fitted to
a point, and its intervals of effects are too short. Here, true scores are

- a trend: a constant and a linear effect of the count of every choice, with a vague prior, so that
  no effect is pulled to zero;
- effects of single genes, of pairs of choices, and of all features together, each a Gaussian
  process with a variance of its own;
- an effect of the network alone.

The four variances and the noise are unknown: everything is averaged over their posterior, by
importance sampling of the variances relative to the noise, and exactly for the noise.

Source: Rasmussen and Williams 2006, "Gaussian processes for machine learning", section 2.7 (vague
trend); Gelman et al. 2013, "Bayesian data analysis", sections 10.4 (importance resampling) and 14.2
(unknown variance).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

PARTS = ("genes", "pairs", "joint", "network")
"""The parts of a true score beside the trend."""

PRIOR_CENTRES = np.log([0.5, 0.25, 0.25, 0.25])
"""Logarithm of each part's variance over that of the noise of an initialisation."""

PRIOR_SD = 1.5

VAGUE = 10.0
"""Prior variance of the trend's effects over that of all other parts and the noise together."""

NOISE_SHAPE, NOISE_RATE = 1.0, 0.25
"""Inverse gamma prior of the variance of the noise, in standardised scores."""

NUM_FIRST, NUM_SECOND = 96, 64
"""Draws of the variances: from the prior, then where the first ones are likely."""

MOST_WEIGHED = 300
"""Networks by which draws of the variances are weighed."""

NUM_KEPT = 24
NUM_DRAWS = 4000
MANY = 400
"""From this number of networks on, fewer draws of the variances are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Standardised scores of ``N`` networks.

    Attributes:
        means_N: Mean over initialisations.
        counts_N: Number of initialisations.
        within_ss: Sum of squared differences of initialisations from their network's mean.
        within_df: Its degrees of freedom.
    """

    means_N: Float[np.ndarray, " N"]
    counts_N: Float[np.ndarray, " N"]
    within_ss: float
    within_df: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariance:
    """A prior covariance, by what it consists of.

    Attributes:
        trend: Of the trend, at a variance of 1.
        parts: Of each of :data:`PARTS`, at a variance of 1.
    """

    trend: Float[np.ndarray, "A B"]
    parts: Float[np.ndarray, "C A B"]

    def at(self, ratios_C: np.ndarray) -> Float[np.ndarray, "A B"]:
        """Return it for given variances relative to the noise."""
        return np.asarray(_vague(ratios_C) * self.trend + np.tensordot(ratios_C, self.parts, 1))

    @property
    def num_effects(self) -> float:
        """How many independent effects the trend has among networks with scores."""
        values_N = np.maximum(np.linalg.eigvalsh(self.trend), 0.0)
        return float((values_N / (values_N + 1 / VAGUE)).sum())


class EffectModel:
    """The posterior of true scores, in standardised scores.

    Args:
        scores: Of ``N`` networks.
        prior: Covariance of their true scores.
        rng: Source of randomness.
    """

    def __init__(self, scores: Scores, prior: Covariance, rng: np.random.Generator) -> None:
        self._rng = rng
        self._given = [_Given(ratios_C, scores, prior) for ratios_C in _draw(scores, prior, rng)]

    def means(self, cross: Covariance) -> Float[np.ndarray, " L"]:
        """Return the posterior means of ``L`` linear functions of true scores.

        Args:
            cross: Covariance of the functions with the true scores of the ``N`` networks.
        """
        return np.asarray(np.mean([each.means(cross) for each in self._given], axis=0))

    def draws(self, cross: Covariance, own: Covariance) -> Float[np.ndarray, "S L"]:
        """Return draws of ``L`` linear functions of true scores from their posterior.

        Args:
            cross: Covariance of the functions with the true scores of the ``N`` networks.
            own: Covariance of the functions.
        """
        each = NUM_DRAWS // len(self._given)
        return np.concatenate([of.draws(cross, own, self._rng, each) for of in self._given])


class _Given:
    """The posterior given the variances relative to the noise.

    Args:
        ratios_C: They.
        scores: Of ``N`` networks.
        prior: Covariance of their true scores.
    """

    def __init__(self, ratios_C: np.ndarray, scores: Scores, prior: Covariance) -> None:
        self._ratios_C = ratios_C
        self._factor_NN = _factor(ratios_C, scores, prior)
        self._white_N = _whitened(self._factor_NN, scores.means_N)
        self._shape, self._rate = _noise_posterior(self._white_N, scores, prior.num_effects)

    def means(self, cross: Covariance) -> Float[np.ndarray, " L"]:
        columns_NL = _whitened(self._factor_NN, cross.at(self._ratios_C).T)
        return np.asarray(self._white_N @ columns_NL)

    def draws(
        self, cross: Covariance, own: Covariance, rng: np.random.Generator, num: int
    ) -> Float[np.ndarray, "S L"]:
        columns_NL = _whitened(self._factor_NN, cross.at(self._ratios_C).T)
        root_LL = _root(own.at(self._ratios_C) - columns_NL.T @ columns_NL)
        noise_S = self._rate / rng.gamma(self._shape, size=num)
        apart_SL = rng.standard_normal((num, len(root_LL))) @ root_LL.T
        return np.asarray(self._white_N @ columns_NL + np.sqrt(noise_S)[:, None] * apart_SL)


def _draw(scores: Scores, prior: Covariance, rng: np.random.Generator) -> Float[np.ndarray, "K C"]:
    """Return draws of the variances relative to the noise, from their posterior."""
    num = len(scores.means_N)
    weigh = _Likelihood(scores, prior)
    num_parts = len(PARTS)
    first_DC = PRIOR_CENTRES + PRIOR_SD * rng.standard_normal((NUM_FIRST, num_parts))
    first_D = np.array([weigh(each) for each in first_DC])
    # Tempered, so that the second draws cover more than the best of the first.
    weights_D = _normalised(first_D / max(1.0, np.ptp(first_D) / 8))
    centre_C = weights_D @ first_DC
    apart_DC = first_DC - centre_C
    spread_CC = (apart_DC * weights_D[:, None]).T @ apart_DC + 0.05 * np.eye(num_parts)
    steps_DC = rng.standard_normal((NUM_SECOND, num_parts)) @ np.linalg.cholesky(spread_CC).T
    second_DC = centre_C + steps_DC
    second_D = np.array([weigh(each) for each in second_DC])
    all_DC = np.concatenate([first_DC, second_DC])
    prior_D = _log_normal(all_DC, PRIOR_CENTRES, PRIOR_SD**2 * np.eye(num_parts))
    near_D = _log_normal(all_DC, centre_C, spread_CC)
    share = NUM_FIRST / len(all_DC)
    drawn_from_D = np.logaddexp(np.log(share) + prior_D, np.log1p(-share) + near_D)
    weights_D = _normalised(np.concatenate([first_D, second_D]) + prior_D - drawn_from_D)
    num_kept = NUM_KEPT if num < MANY else NUM_KEPT // 3
    at_K = (np.arange(num_kept) + rng.random()) / num_kept  # systematic resampling
    found_K = np.searchsorted(np.cumsum(weights_D), at_K)
    return np.asarray(np.exp(all_DC[np.minimum(found_K, len(all_DC) - 1)]))


class _Likelihood:
    """The logarithm of the likelihood of variances relative to the noise, the noise averaged out.

    Args:
        scores: Of ``N`` networks; of many, evenly spaced ones count.
        prior: Covariance of their true scores.
    """

    def __init__(self, scores: Scores, prior: Covariance) -> None:
        num = len(scores.means_N)
        chosen = np.unique(np.linspace(0, num - 1, MOST_WEIGHED).round().astype(int))
        self._scores = replace(
            scores, means_N=scores.means_N[chosen], counts_N=scores.counts_N[chosen]
        )
        at = np.ix_(chosen, chosen)
        parts_CNN = np.stack([each[at] for each in prior.parts])
        self._prior = Covariance(trend=prior.trend[at], parts=parts_CNN)
        self._num_effects = self._prior.num_effects

    def __call__(self, logarithms_C: np.ndarray) -> float:
        ratios_C = np.exp(logarithms_C)
        factor_NN = _factor(ratios_C, self._scores, self._prior)
        white_N = _whitened(factor_NN, self._scores.means_N)
        shape, rate = _noise_posterior(white_N, self._scores, self._num_effects)
        value = -np.log(np.diag(factor_NN)).sum() - shape * np.log(rate)
        return float(value + 0.5 * self._num_effects * np.log(_vague(ratios_C)))


def _factor(ratios_C: np.ndarray, scores: Scores, prior: Covariance) -> Float[np.ndarray, "N N"]:
    """Return the lower Cholesky factor of the covariance of mean scores, at a noise of 1."""
    covariance_NN = prior.at(ratios_C)
    covariance_NN[np.diag_indices(len(covariance_NN))] += 1.0 / scores.counts_N
    return np.linalg.cholesky(covariance_NN)


def _whitened(factor_NN: np.ndarray, values: np.ndarray) -> np.ndarray:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(factor_NN, values, lower=True, check_finite=False))


def _noise_posterior(
    white_N: np.ndarray, scores: Scores, num_effects: float
) -> tuple[float, float]:
    """Return shape and rate of the inverse gamma posterior of the noise's variance.

    The effects of the trend say nothing of the noise, so they take degrees of freedom from it, as
    in restricted maximum likelihood.
    """
    shape = NOISE_SHAPE + 0.5 * (len(white_N) - num_effects + scores.within_df)
    return shape, NOISE_RATE + 0.5 * (float(white_N @ white_N) + scores.within_ss)


def _vague(ratios_C: np.ndarray) -> float:
    """Return the prior variance of the trend's effects relative to the noise."""
    return VAGUE * (1.0 + float(ratios_C.sum()))


def _root(covariance_LL: np.ndarray) -> Float[np.ndarray, "L L"]:
    """Return a factor of a covariance, which may lack full rank by rounding."""
    size = len(covariance_LL)
    jitter = 1e-10 * float(np.trace(covariance_LL)) / max(size, 1) + 1e-300
    try:
        return np.linalg.cholesky(covariance_LL + jitter * np.eye(size))
    except np.linalg.LinAlgError:
        values_L, vectors_LL = np.linalg.eigh(covariance_LL)
        return np.asarray(vectors_LL * np.sqrt(np.maximum(values_L, 0)))


def _normalised(logarithms_D: np.ndarray) -> Float[np.ndarray, " D"]:
    weights_D = np.exp(logarithms_D - logarithms_D.max())
    return np.asarray(weights_D / weights_D.sum())


def _log_normal(at_DC: np.ndarray, centre_C: np.ndarray, covariance_CC: np.ndarray) -> np.ndarray:
    """Return the logarithm of a normal density, up to a constant common to all."""
    factor_CC = np.linalg.cholesky(covariance_CC)
    white_CD = np.linalg.solve(factor_CC, (at_DC - centre_C).T)
    return np.asarray(-0.5 * (white_CD**2).sum(axis=0) - np.log(np.diag(factor_CC)).sum())
