"""The noise of a search's scores, and the spread of its networks beyond this noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from jaxtyping import Float

from mbnas.scoring.noise.outlying import find_outlying
from mbnas.scoring.noise.score_table import ScoreTable
from mbnas.scoring.noise.spread import TrueSpread, initialisations_to_show, true_spread
from mbnas.scoring.noise.variance_components import variance_components
from mbnas.study.progress.search_status import ScoredNetwork

_SENSIBLE_INITIALISATIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchNoise:
    """What the scores of a search say of noise, and of networks beyond it.

    Attributes:
        num_networks: Networks with an initialisation that has a score on every fold.
        num_initialisations: Of all these networks together.
        spread: ``None`` if nothing tells the noise.
    """

    num_networks: int
    num_initialisations: int
    spread: TrueSpread | None

    def standard_error(self, num_initialisations: int) -> float | None:
        """Return that of a mean over initialisations, on the folds that all networks share.

        Args:
            num_initialisations: That the mean is over, 1 or more.

        Returns:
            ``None`` if nothing tells the noise.
        """
        if self.spread is None:
            return None
        return self.spread.noise_sd / math.sqrt(num_initialisations)

    @property
    def sentence(self) -> str:
        """What is known of the spread, and where it is unclear, what would help."""
        spread = self.spread
        if self.num_networks < 2:
            return "Spread of the networks: unknown until two networks have scores."
        if spread is None:
            return (
                "Spread of the networks: unknown, as nothing tells the noise of a score. More "
                "initialisations, or more folds, would help."
            )
        confidence = f"{spread.interval.confidence:.0%}".replace("%", " %")
        noise = f"noise of one initialisation: {spread.noise_sd:.4f}"
        if spread.is_told_from_0:
            return (
                f"Spread of the networks: their true scores differ by a standard deviation of "
                f"{spread.sd:.4f} ({confidence} interval {spread.interval.low:.4f} to "
                f"{spread.interval.high:.4f}; {noise})."
            )
        return (
            f"Spread of the networks: it cannot be told from 0. The standard deviation of their "
            f"true scores is at most {spread.interval.high:.4f} ({confidence} interval from 0; "
            f"{noise}). {self._remedy(spread)}"
        )

    def _remedy(self, spread: TrueSpread) -> str:
        number = initialisations_to_show(spread, num_networks=self.num_networks)
        most = _SENSIBLE_INITIALISATIONS
        about = (
            f" (about {number} of each network, if the spread is {spread.sd:.4f})"
            if number is not None and number <= most
            else ""
        )
        return f"More initialisations{about}, more patients or longer training would help."


def complete_initialisations(
    network: ScoredNetwork, num_folds: int
) -> Float[np.ndarray, "initialisation fold"]:
    """Return the scores of the first initialisations that have a score on every fold.

    The score of a network is the mean of these, unless a training failed or it was dropped.
    """
    scores = {
        (each.key.initialisation, each.key.fold): each.score
        for each in network.trainings
        if each.score is not None
    }
    most = len(network.trainings) // num_folds
    rows = ([scores.get((row, fold)) for fold in range(num_folds)] for row in range(most))
    complete = list(takewhile(lambda row: None not in row, rows))
    return np.array(complete, dtype=float).reshape(len(complete), num_folds)


def search_noise(evaluations: Sequence[ScoredNetwork], num_folds: int) -> SearchNoise:
    """Return what the scores of a search say of noise.

    Trainings that collapsed and networks that are clearly worse are left out.

    Args:
        evaluations: Of the search.
        num_folds: Of its protocol.
    """
    scores = [complete_initialisations(each, num_folds) for each in evaluations]
    if not any(map(len, scores)):
        return SearchNoise(num_networks=0, num_initialisations=0, spread=None)
    table = ScoreTable.of(scores)
    outlying = find_outlying(table)
    table = table.selected(~outlying.rows_R & ~outlying.networks_N[table.network_R])
    components = variance_components(table)
    return SearchNoise(
        num_networks=int((table.sizes > 0).sum()),
        num_initialisations=table.network_R.size,
        spread=None if components is None else true_spread(table, components),
    )
