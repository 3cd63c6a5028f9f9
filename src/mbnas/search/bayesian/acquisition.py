"""What one more initialisation is worth, of a new network or of a known one.

The network that is returned in the end is the known one with the highest posterior mean. A
training is worth what it is expected to add to that mean: if a new network's mean rises above the
best, or if the best falls below another. New and known networks are thus compared in one currency.
Several initialisations together may decide what one cannot, so the value is that of the best number
of them, for each of them.

Source: Frazier et al. 2008, "A knowledge-gradient policy for sequential information collection",
equation 17; the best number of repetitions, KG(*), Frazier and Powell 2010, "Paradoxes in learning
and the marginal value of information"; logarithms after Ament et al. 2023, "Unexpected
improvements to expected improvement for Bayesian optimization".
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

REPETITIONS = (1, 2, 4, 8)
"""Numbers of further initialisations of which the best counts."""


def log_values(
    means_M: np.ndarray, variances_M: np.ndarray, is_known_M: np.ndarray, noise_variance: float
) -> Float[np.ndarray, " M"]:
    """Return the logarithm of what an initialisation of each network is worth.

    Args:
        means_M: Posterior means of true scores of ``M`` networks.
        variances_M: Posterior variances.
        is_known_M: Whether a network has a score; only these may be returned.
        noise_variance: Of the score of one initialisation.
    """
    gaps_M = _gaps(means_M, is_known_M)
    values_M = np.full(len(means_M), -np.inf)
    for number in REPETITIONS:
        # standard deviation of the change of the posterior mean
        sd_M = variances_M / np.sqrt(variances_M + noise_variance / number)
        values_M = np.maximum(values_M, log_expected_excess(gaps_M, sd_M) - np.log(number))
    return np.asarray(values_M)


def _gaps(means_M: np.ndarray, is_known_M: np.ndarray) -> np.ndarray:
    """Return how far each mean is below the best known one; of the best, the second is above."""
    if not is_known_M.any():
        return np.zeros(len(means_M))
    known = np.where(is_known_M, means_M, -np.inf)
    best = int(known.argmax())
    gaps_M = means_M - known[best]
    known[best] = -np.inf
    second = known.max()
    gaps_M[best] = second - means_M[best] if np.isfinite(second) else -np.inf
    return np.asarray(gaps_M)


def log_expected_excess(gaps_M: np.ndarray, sd_M: np.ndarray) -> Float[np.ndarray, " M"]:
    """Return the logarithm of the expected positive part of normal variables.

    E max(0, X) = s (φ(z) + z Φ(z)) for a mean g, a standard deviation s, and z = g / s. For
    z below -1 it is φ(z) (1 + z √(π/2) erfcx(-z/√2)), which keeps its digits; far below, its
    expansion φ(z) / z².

    Args:
        gaps_M: Means; of -inf, the result is -inf.
        sd_M: Standard deviations, above 0.
    """
    from scipy.special import erfcx, ndtr

    z = np.maximum(gaps_M / sd_M, -1e100)
    log_density = -0.5 * z * z - 0.5 * np.log(2 * np.pi)
    high = np.maximum(z, -1.0)
    near = np.log(np.exp(-0.5 * high * high) / np.sqrt(2 * np.pi) + high * ndtr(high))
    middle = np.clip(z, -1e3, -1.0)
    ratio = np.maximum(1 + middle * np.sqrt(np.pi / 2) * erfcx(-middle / np.sqrt(2)), 1e-300)
    low = np.minimum(z, -1e3)
    tail = log_density + np.where(z < -1e3, -2 * np.log(-low), np.log(ratio))
    found = np.log(sd_M) + np.where(z > -1, near, tail)
    return np.asarray(np.where(np.isfinite(gaps_M), found, -np.inf))
