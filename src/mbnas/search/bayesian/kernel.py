"""How alike the scores of two networks are, by their features.

The prior of a true score is a constant, plus a linear effect of each group of features, plus an
effect of features together, plus an effect of the network alone that no feature explains.

Source: Rasmussen and Williams 2006, "Gaussian processes for machine learning", sections 2.7, 4.2
and 5.4.1; sum and product over categorical variables as Ru et al. 2020, "Bayesian
optimisation over multiple continuous and categorical inputs".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

CONSTANT_VARIANCE = 4.0
"""Of the mean score of all networks, in standardised scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What the prior depends on, as logarithms, for ``G`` groups of features.

    Attributes:
        linear_G: Variance of the linear effect of each group.
        inverse_lengths_G: Relevance of each group to the effect of features together.
        joint: Variance of the effect of features together.
        network: Variance of a network's own effect.
        noise: Variance of the score of one initialisation.
    """

    linear_G: Float[np.ndarray, " G"]
    inverse_lengths_G: Float[np.ndarray, " G"]
    joint: float
    network: float
    noise: float

    @property
    def vector(self) -> np.ndarray:
        """All of them in the order of the attributes."""
        singles = [self.joint, self.network, self.noise]
        return np.concatenate([self.linear_G, self.inverse_lengths_G, singles])

    @classmethod
    def of_vector(cls, vector: np.ndarray) -> Hyperparameters:
        """Return the hyperparameters of a vector, the inverse of :attr:`vector`."""
        num_groups = (len(vector) - 3) // 2
        joint, network, noise = map(float, vector[-3:])
        return cls(
            linear_G=vector[:num_groups],
            inverse_lengths_G=vector[num_groups : 2 * num_groups],
            joint=joint,
            network=network,
            noise=noise,
        )

    @classmethod
    def prior_means(cls, num_groups: int) -> Hyperparameters:
        """Return the centres of the prior: half of the variance is noise."""
        groups = max(num_groups, 1)
        return cls(
            linear_G=np.full(num_groups, np.log(0.3 / groups)),
            inverse_lengths_G=np.full(num_groups, np.log(1.0 / groups)),
            joint=float(np.log(0.2)),
            network=float(np.log(0.05)),
            noise=float(np.log(0.5)),
        )

    @property
    def noise_variance(self) -> float:
        """Variance of the score of one initialisation, standardised."""
        return float(np.exp(self.noise))

    @property
    def network_variance(self) -> float:
        """Variance of a network's own effect, standardised."""
        return float(np.exp(self.network))


def covariance(
    first_NF: np.ndarray, second_MF: np.ndarray, groups: np.ndarray, hyper: Hyperparameters
) -> Float[np.ndarray, "N M"]:
    """Return the prior covariance of true scores, without the networks' own effects.

    Args:
        first_NF: Features of ``N`` networks.
        second_MF: Features of ``M`` networks.
        groups: Group of each feature.
        hyper: Hyperparameters.
    """
    # A group's squared distance is 1 on average, so its squared norm is a half.
    linear_F = np.sqrt(2 * np.exp(hyper.linear_G))[groups]
    lengths_F = np.sqrt(np.exp(hyper.inverse_lengths_G))[groups]
    linear_NM = (first_NF * linear_F) @ (second_MF * linear_F).T
    distances_NM = squared_distances(first_NF * lengths_F, second_MF * lengths_F)
    joint_NM = np.exp(hyper.joint - distances_NM)
    return np.asarray(CONSTANT_VARIANCE + linear_NM + joint_NM)


def variances(features_NF: np.ndarray, groups: np.ndarray, hyper: Hyperparameters) -> np.ndarray:
    """Return the prior variance of each network's true score, with its own effect."""
    linear_F = 2 * np.exp(hyper.linear_G)[groups]
    shared = CONSTANT_VARIANCE + np.exp(hyper.joint) + np.exp(hyper.network)
    return np.asarray((features_NF**2) @ linear_F + shared)


def squared_distances(first_NF: np.ndarray, second_MF: np.ndarray) -> Float[np.ndarray, "N M"]:
    """Return the squared Euclidean distance of every pair of rows."""
    norms_NM = (first_NF**2).sum(axis=1)[:, None] + (second_MF**2).sum(axis=1)
    return np.asarray(np.maximum(norms_NM - 2 * first_NF @ second_MF.T, 0.0))
