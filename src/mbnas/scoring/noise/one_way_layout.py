"""Initialisations within networks as a one-way layout, and its restricted likelihood.

Shape suffixes: N networks, R initialisations of all networks, F folds, C contrasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mbnas.scoring.noise.score_table import ScoreTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneWayLayout:
    """A one-way layout: initialisations within networks, of one or more independent contrasts.

    Attributes:
        sizes_N: Initialisations of each network, 1 or more.
        means_NC: Mean of each network.
        within: Sum of squares within networks, over all contrasts.
    """

    sizes_N: Int[np.ndarray, " network"]
    means_NC: Float[np.ndarray, "network contrast"]
    within: float

    @property
    def freedom(self) -> int:
        """Degrees of freedom within networks."""
        return int(self.means_NC.shape[1] * (self.sizes_N - 1).sum())

    def deviance(self, between: float, within: float) -> tuple[float, float, float]:
        """Return −2 log of the restricted likelihood, and its derivatives by both variances.

        Args:
            between: Variance between networks.
            within: Variance within networks.
        """
        num_contrasts = self.means_NC.shape[1]
        variances_N = between + within / self.sizes_N
        weights_N = 1 / variances_N
        centres_C = weights_N @ self.means_NC / weights_N.sum()
        squares_N = np.square(self.means_NC - centres_C).sum(axis=1)
        value = (
            num_contrasts * (np.log(variances_N).sum() + math.log(weights_N.sum()))
            + squares_N @ weights_N
        )
        slopes_N = (
            num_contrasts * (weights_N - weights_N**2 / weights_N.sum()) - squares_N * weights_N**2
        )
        by_within = float(slopes_N @ (1 / self.sizes_N))
        if self.freedom:
            value += self.freedom * math.log(within) + self.within / within
            by_within += self.freedom / within - self.within / within**2
        return float(value), float(slopes_N.sum()), by_within


def mean_layout(table: ScoreTable) -> OneWayLayout:
    """Return the layout of the means over folds; every network of the table needs a row."""
    return _layout(table, table.scores_RF.mean(axis=1, keepdims=True))


def contrast_layout(table: ScoreTable) -> OneWayLayout:
    """Return the layout of F − 1 orthonormal contrasts between folds."""
    return _layout(table, table.scores_RF @ _contrasts(table.num_folds))


def _layout(table: ScoreTable, values_RC: Float[np.ndarray, "row contrast"]) -> OneWayLayout:
    means_NC = np.stack([table.means_of(each_R) for each_R in values_RC.T], axis=1)
    within = float(np.square(values_RC - means_NC[table.network_R]).sum())
    return OneWayLayout(sizes_N=table.sizes, means_NC=means_NC, within=within)


def _contrasts(num_folds: int) -> Float[np.ndarray, "fold contrast"]:
    """Return Helmert's contrasts: orthonormal columns that sum to 0."""
    contrasts_FC = np.zeros((num_folds, num_folds - 1))
    for column in range(num_folds - 1):
        contrasts_FC[: column + 1, column] = 1
        contrasts_FC[column + 1, column] = -(column + 1)
    lengths_C = np.sqrt(np.square(contrasts_FC).sum(axis=0))
    orthonormal_FC: Float[np.ndarray, "fold contrast"] = contrasts_FC / lengths_C
    return orthonormal_FC
