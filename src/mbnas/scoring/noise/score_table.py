"""The scores of all networks as one table: a row is one initialisation of one network.

All networks are validated on the same folds. They may have different numbers of initialisations.

Shape suffixes: N networks, R rows (initialisations of all networks), F folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable:
    """Scores of all networks; every row has all folds.

    Attributes:
        scores_RF: Score of each training.
        network_R: Number of each row's network, from 0.
        num_networks: How many networks there are; some may have no row.

    Raises:
        ValueError: if shapes disagree, a score is not finite, or a number of a network is too
            large.
    """

    scores_RF: Float[np.ndarray, "row fold"]
    network_R: Int[np.ndarray, " row"]
    num_networks: int

    def __post_init__(self) -> None:
        rows, folds = self.scores_RF.shape
        if self.network_R.shape != (rows,) or folds < 1:
            raise ValueError(
                f"Scores of shape {self.scores_RF.shape} must have one or more folds and a "
                f"network for each row, not networks of shape {self.network_R.shape}."
            )
        if not np.isfinite(self.scores_RF).all():
            raise ValueError("Scores must be finite. Leave out initialisations without a score.")
        if rows and not 0 <= self.network_R.min() <= self.network_R.max() < self.num_networks:
            raise ValueError(
                f"Networks are numbered from 0 to {self.num_networks - 1}, not from "
                f"{self.network_R.min()} to {self.network_R.max()}."
            )

    @classmethod
    def of(cls, scores: Sequence[Float[np.ndarray, "_ _"]]) -> ScoreTable:
        """Return the table of networks' scores.

        Initialisations with a missing fold (nan) are left out.

        >>> table = ScoreTable.of([np.array([[0.5, 0.75]]), np.array([[0.5, np.nan]])])
        >>> table.sizes.tolist()
        [1, 0]

        Args:
            scores: For each network, one row for each initialisation.

        Raises:
            ValueError: if there are no networks, or their numbers of folds differ.
        """
        if len({each.shape[1] for each in scores}) != 1:
            raise ValueError(
                f"Scores of shapes {[each.shape for each in scores][:5]} must be of one or more "
                "networks with equally many folds."
            )
        scores_RF = np.concatenate(list(scores)).astype(float)
        network_R = np.repeat(np.arange(len(scores)), [len(each) for each in scores])
        is_complete_R = ~np.isnan(scores_RF).any(axis=1)
        return cls(
            scores_RF=scores_RF[is_complete_R],
            network_R=network_R[is_complete_R],
            num_networks=len(scores),
        )

    @property
    def num_folds(self) -> int:
        """How many folds each initialisation was validated on."""
        return int(self.scores_RF.shape[1])

    @property
    def sizes(self) -> Int[np.ndarray, " network"]:
        """How many initialisations each network has."""
        return np.bincount(self.network_R, minlength=self.num_networks)

    def means_of(self, values_R: Float[np.ndarray, " row"]) -> Float[np.ndarray, " network"]:
        """Return the mean of each network's values, nan for a network without a row."""
        sums_N = np.bincount(self.network_R, weights=values_R, minlength=self.num_networks)
        sizes_N = self.sizes
        means_N = np.full(self.num_networks, np.nan)
        np.divide(sums_N, sizes_N, out=means_N, where=sizes_N > 0)
        return means_N

    def selected(self, is_kept_R: Bool[np.ndarray, " row"]) -> ScoreTable:
        """Return the table of some of its rows, for the same networks."""
        return replace(
            self, scores_RF=self.scores_RF[is_kept_R], network_R=self.network_R[is_kept_R]
        )

    def compact(self) -> ScoreTable:
        """Return the table without the networks that have no row, the others in order."""
        _, network_R = np.unique(self.network_R, return_inverse=True)
        return replace(self, network_R=network_R, num_networks=int((self.sizes > 0).sum()))
