"""Trainings that collapsed and networks that are clearly worse, told by their scores alone.

A collapsed training may score 0.3 below the others, fifty times the usual noise. Left in, a few
of them decide every variance. So what lies below a fence is taken apart from the rest. Only low
values are: a training cannot fail upwards.

The fence is :data:`FENCE` standard deviations below the median. The standard deviation is a robust
one: the median absolute difference of pairs, divided by its expectation for a standard normal
variable. A normal value is below this fence once in a thousand million.

Source: Rousseeuw and Croux 1993, Alternatives to the median absolute deviation, JASA 88(424),
section 5, for scales from differences of pairs, which need no centre.

Shape suffixes as in :mod:`mbnas.scoring.noise.score_table`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mbnas.scoring.noise.score_table import ScoreTable

FENCE = 6.0
"""Robust standard deviations below the median from which on a value is outlying."""

_MEDIAN_DIFFERENCE = 0.6744897501960817 * math.sqrt(2)
"""Median absolute difference of two standard normal values."""

_MOST_PAIRED = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlying:
    """What is taken apart.

    Attributes:
        rows_R: Whether an initialisation has an outlying training.
        networks_N: Whether the typical score of a network is outlying among the networks.
    """

    rows_R: Bool[np.ndarray, " row"]
    networks_N: Bool[np.ndarray, " network"]


def find_outlying(table: ScoreTable) -> Outlying:
    """Return which initialisations and networks are outlying.

    A training is judged against the other trainings of its network, after the median of each fold
    over all networks is subtracted. A network is judged by the median of its trainings against
    those of the other networks.
    """
    typical_N = np.full(table.num_networks, np.nan)
    if not table.network_R.size:
        none_R = np.zeros(0, dtype=bool)
        return Outlying(rows_R=none_R, networks_N=np.zeros(table.num_networks, dtype=bool))
    centred_RF = table.scores_RF - np.median(table.scores_RF, axis=0)
    order = np.argsort(table.network_R, kind="stable")
    sizes_N = table.sizes
    starts_N = np.cumsum(sizes_N) - sizes_N
    deviations_RF = np.zeros_like(centred_RF)
    differences: list[Float[np.ndarray, " pair"]] = []
    for size in np.unique(sizes_N[sizes_N > 0]):  # networks of one size at a time
        networks = np.flatnonzero(sizes_N == size)
        rows = order[starts_N[networks][:, None] + np.arange(size)]
        values = centred_RF[rows].reshape(len(networks), -1)
        medians = np.median(values, axis=1)
        typical_N[networks] = medians
        deviations_RF[rows] = (values - medians[:, None]).reshape(*rows.shape, -1)
        differences.append(_pair_differences(values))
    scale = _scale(np.concatenate(differences))
    rows_R = (deviations_RF < -FENCE * scale).any(axis=1)
    if scale == 0:  # without a difference there is nothing to judge by
        rows_R[:] = False
    return Outlying(rows_R=rows_R, networks_N=_far_below(typical_N))


def _far_below(typical_N: Float[np.ndarray, " network"]) -> Bool[np.ndarray, " network"]:
    known = typical_N[~np.isnan(typical_N)]
    chosen = known[:: max(1, known.size // _MOST_PAIRED)]
    scale = _scale(_pair_differences(chosen[None, :]))
    if scale == 0:
        return np.zeros(typical_N.size, dtype=bool)
    is_outlying_N: Bool[np.ndarray, " network"] = typical_N < np.median(known) - FENCE * scale
    return is_outlying_N


def _pair_differences(values: Float[np.ndarray, "group value"]) -> Float[np.ndarray, " pair"]:
    """Return the absolute differences of all pairs in each group."""
    first, second = np.triu_indices(values.shape[1], k=1)
    pairs: Float[np.ndarray, " pair"] = np.abs(values[:, first] - values[:, second]).ravel()
    return pairs


def _scale(differences: Float[np.ndarray, " pair"]) -> float:
    return float(np.median(differences)) / _MEDIAN_DIFFERENCE if differences.size else 0.0
