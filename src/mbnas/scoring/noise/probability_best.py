"""The probability that a network is the best, given what is known of each.

The true scores are taken as independent normal variables. A model that pools similar networks
makes them correlated; with the correlations left out, similar networks are told apart too seldom.

Shape suffixes: N networks, K points of the quadrature.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_POINTS = 4096
_REACH = 8.0
_BLOCK = 256


def probability_best(
    means_N: Float[np.ndarray, " network"], sds_N: Float[np.ndarray, " network"]
) -> Float[np.ndarray, " network"]:
    """Return the probability that each network has the highest true score; they sum to 1.

    It is the integral of the density of one network times the distribution functions of the others,
    by the trapezoidal rule.

    >>> probability_best(np.array([0.8, 0.8, 0.1]), np.array([0.01, 0.01, 0.01])).round(3).tolist()
    [0.5, 0.5, 0.0]

    Args:
        means_N: Of the true scores.
        sds_N: Of the true scores, 0 or more.
    """
    found_N = np.zeros(means_N.size)
    if not means_N.size:
        return found_N
    low = float((means_N - _REACH * sds_N).max())
    high = float((means_N + _REACH * sds_N).max())
    if high <= low:  # the best are known exactly
        found_N[means_N == means_N.max()] = 1
        found_N /= found_N.sum()
        return found_N
    from scipy import special  # slow to import

    margin = (high - low) / 100  # for what counts as exact at the ends
    low, high = low - margin, high + margin
    points_K = np.linspace(low, high, _POINTS)
    rivals = np.flatnonzero(means_N + _REACH * sds_N >= low)
    # A smaller deviation falls between two points; it counts as exact.
    deviations = np.maximum(sds_N[rivals], 2 * (points_K[1] - points_K[0]))
    for block_K in np.split(points_K, range(_BLOCK, _POINTS, _BLOCK)):
        distances_KN = (block_K[:, None] - means_N[rivals]) / deviations
        logs_KN = special.log_ndtr(distances_KN)
        others_KN = logs_KN.sum(axis=1, keepdims=True) - logs_KN
        densities_KN = np.exp(others_KN - distances_KN**2 / 2) / deviations
        found_N[rivals] += densities_KN.sum(axis=0)
    found_N /= found_N.sum()
    return found_N
