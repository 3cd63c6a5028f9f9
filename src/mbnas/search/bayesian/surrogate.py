"""A Gaussian process of true scores, given noisy scores of some networks.

The noise of a network's mean score is the noise of one initialisation over their number.
Hyperparameters maximise the marginal likelihood of all single scores times a weak prior.

Source: Rasmussen and Williams 2006, "Gaussian processes for machine learning", algorithm 2.1,
equations 5.8 and 5.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mbnas.search.bayesian.kernel import (
    CONSTANT_VARIANCE,
    Hyperparameters,
    covariance,
    squared_distances,
    variances,
)
from mbnas.search.bayesian.observations import Observations

MAX_FITTED = 200
"""Networks whose scores hyperparameters are fitted on; of more, evenly spaced ones are taken."""

PRIOR_SD = 1.0
"""Standard deviation of the logarithm of each hyperparameter, around the prior's centre."""

MAX_ITERATIONS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogate:
    """The posterior of true scores, in standardised scores.

    Attributes:
        hyper: Hyperparameters.
        features_NF: Features of the ``N`` networks with scores.
        groups: Group of each feature.
        factor_NN: Lower Cholesky factor of the covariance of their mean scores.
        weights_N: That covariance's inverse times the mean scores.
    """

    hyper: Hyperparameters
    features_NF: np.ndarray
    groups: np.ndarray
    factor_NN: np.ndarray
    weights_N: np.ndarray

    def means_of(self, observations: Observations) -> Float[np.ndarray, " N"]:
        """Return the means of true scores of the networks with scores."""
        noise_N = self.hyper.noise_variance / observations.counts_N
        return np.asarray(observations.means_N - noise_N * self.weights_N)

    def cross(
        self, features_MF: np.ndarray, positions_M: np.ndarray
    ) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"], Float[np.ndarray, "N M"]]:
        """Return means and variances of true scores, and what their covariances need.

        The posterior covariance of two networks is their prior covariance minus the inner product
        of their columns.

        Args:
            features_MF: Features of ``M`` networks.
            positions_M: Of each among the networks with scores, -1 if it has none.
        """
        from scipy.linalg import solve_triangular

        cross_NM = covariance(self.features_NF, features_MF, self.groups, self.hyper)
        (known,) = np.nonzero(positions_M >= 0)
        cross_NM[positions_M[known], known] += self.hyper.network_variance
        columns_NM = solve_triangular(
            self.factor_NN, cross_NM, lower=True, overwrite_b=False, check_finite=False
        )
        prior_M = variances(features_MF, self.groups, self.hyper)
        variances_M = np.maximum(prior_M - (columns_NM**2).sum(axis=0), 1e-12)
        return cross_NM.T @ self.weights_N, variances_M, columns_NM


def condition(
    observations: Observations,
    features_NF: np.ndarray,
    groups: np.ndarray,
    hyper: Hyperparameters,
) -> Surrogate:
    """Return the posterior given scores and hyperparameters."""
    from scipy.linalg import cho_solve, cholesky

    covariance_NN = covariance(features_NF, features_NF, groups, hyper)
    own_N = hyper.network_variance + hyper.noise_variance / observations.counts_N
    covariance_NN[np.diag_indices(len(own_N))] += own_N
    factor_NN = cholesky(covariance_NN, lower=True, check_finite=False)
    weights_N = cho_solve((factor_NN, True), observations.means_N, check_finite=False)
    return Surrogate(
        hyper=hyper,
        features_NF=features_NF,
        groups=groups,
        factor_NN=factor_NN,
        weights_N=weights_N,
    )


def fit(observations: Observations, features_NF: np.ndarray, groups: np.ndarray) -> Hyperparameters:
    """Return the most probable hyperparameters, searched from the centre of the prior."""
    from scipy.optimize import minimize

    objective = FitObjective(observations, features_NF, groups)
    start = objective.centre
    bounds = [(each - 6 * PRIOR_SD, each + 6 * PRIOR_SD) for each in start]
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": MAX_ITERATIONS, "ftol": 1e-5},
    )
    return Hyperparameters.of_vector(np.asarray(found.x))


class FitObjective:
    """The negative logarithm of likelihood times prior, and its gradient.

    Args:
        observations: Scores.
        features_NF: Features of their networks.
        groups: Group of each feature.
    """

    def __init__(
        self, observations: Observations, features_NF: np.ndarray, groups: np.ndarray
    ) -> None:
        num_networks = len(observations.genotypes)
        chosen = np.unique(np.linspace(0, num_networks - 1, MAX_FITTED).round().astype(int))
        self._means_N = observations.means_N[chosen]
        self._counts_N = observations.counts_N[chosen].astype(float)
        self._within = observations.within_ss, observations.within_df
        num_groups = int(groups.max(initial=-1)) + 1
        self.centre = Hyperparameters.prior_means(num_groups).vector
        of_group = [features_NF[np.ix_(chosen, groups == group)] for group in range(num_groups)]
        num_fitted = len(chosen)
        shape = (num_groups, num_fitted, num_fitted)
        self._products_GNN = np.zeros(shape)
        self._distances_GNN = np.zeros(shape)
        for group, features in enumerate(of_group):
            self._products_GNN[group] = 2 * features @ features.T
            self._distances_GNN[group] = squared_distances(features, features)

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and the gradient at a vector of hyperparameters."""
        from scipy.linalg import cho_solve, cholesky

        hyper = Hyperparameters.of_vector(vector)
        relevances_G = np.exp(hyper.inverse_lengths_G)
        joint_NN = np.exp(hyper.joint - np.tensordot(relevances_G, self._distances_GNN, 1))
        covariance_NN = CONSTANT_VARIANCE + joint_NN
        covariance_NN += np.tensordot(np.exp(hyper.linear_G), self._products_GNN, 1)
        noise_N = hyper.noise_variance / self._counts_N
        diagonal = np.diag_indices(len(noise_N))
        covariance_NN[diagonal] += hyper.network_variance + noise_N
        factor_NN = cholesky(covariance_NN, lower=True, check_finite=False)
        inverse_NN = cho_solve((factor_NN, True), np.eye(len(noise_N)), check_finite=False)
        weights_N = inverse_NN @ self._means_N
        value = 0.5 * float(self._means_N @ weights_N)
        value += float(np.log(np.diag(factor_NN)).sum())
        # d value / d covariance, so that a gradient is the sum of this times the derivative
        slope_NN = 0.5 * (inverse_NN - np.outer(weights_N, weights_N))
        slope_joint_NN = slope_NN * joint_NN
        linear_G = np.exp(hyper.linear_G) * np.tensordot(self._products_GNN, slope_NN, 2)
        lengths_G = -relevances_G * np.tensordot(self._distances_GNN, slope_joint_NN, 2)
        within_ss, within_df = self._within
        value += 0.5 * (within_df * hyper.noise + within_ss / hyper.noise_variance)
        slopes_N = np.diag(slope_NN)
        noise = float(slopes_N @ noise_N)
        noise += 0.5 * (within_df - within_ss / hyper.noise_variance)
        singles = [
            float(slope_joint_NN.sum()),
            float(slopes_N.sum()) * hyper.network_variance,
            noise,
        ]
        gradient = np.concatenate([linear_G, lengths_G, singles])
        apart = (vector - self.centre) / PRIOR_SD
        value += 0.5 * float(apart @ apart)
        if not math.isfinite(value):
            raise FloatingPointError(f"The likelihood (={value}) must be finite.")
        return value, gradient + apart / PRIOR_SD
