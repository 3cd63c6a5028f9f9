"""The networks of a space for which effects are computed, and prior covariances of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mbnas.results.explanation.choices import Choice, Counts, Pair, count_choices, count_pairs
from mbnas.results.explanation.effect_model import Covariance
from mbnas.search.bayesian.features import FeatureMap
from mbnas.search.bayesian.kernel import squared_distances
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

MOST_DRAWN = 1000
"""Networks that stand for a space; all of it if it has no more."""

_GENES = ("level", "step", "block", "kernel", "expansion", "skip")
_SMALLEST_SD = 0.4
"""Columns that vary less are not scaled up, so that what is rare has no larger effects."""

_NEARNESS = 2.0
"""Decay of the joint effect over the distance of two random networks."""


def networks_of(space: Space) -> tuple[Genotype, ...]:
    """Return all networks of a space, or draws that stand for them.

    They are the same whenever asked.
    """
    if type(space) is Space and space.count <= MOST_DRAWN:
        return tuple(space.genotype_at(index) for index in range(space.count))
    rng = np.random.default_rng(0)
    return tuple(dict.fromkeys(space.sample(rng) for _ in range(MOST_DRAWN)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Networks as columns, by part of the model."""

    genotypes: tuple[Genotype, ...]
    trend_NK: np.ndarray
    genes_NF: np.ndarray
    pairs_NF: np.ndarray
    joint_NF: np.ndarray


class SpaceModel:
    """Prior covariances of the true scores of a space's networks.

    Args:
        space: The space.
        networks: That stand for it.
    """

    def __init__(self, space: Space, networks: Sequence[Genotype]) -> None:
        self._features = FeatureMap(space)
        self._choices = count_choices(networks)
        self._pairs = count_pairs(networks)
        self._trend = _Standard.of(self._choices.counts_NK)
        self._pair = _Standard.of(with_depth(self._choices, self._pairs))

    def covariance(
        self, first: Described, second: Described, rows_LM: Float[np.ndarray, "L M"] | None = None
    ) -> Covariance:
        """Return the prior covariance of the true scores of networks.

        Args:
            first: ``M`` networks.
            second: ``N`` networks.
            rows_LM: Linear functions of the true scores of the former, which then replace them.
        """

        def weighted(values_MF: np.ndarray) -> np.ndarray:
            return values_MF if rows_LM is None else rows_LM @ values_MF

        joint_MN = np.exp(-squared_distances(first.joint_NF, second.joint_NF))
        return Covariance(
            trend=weighted(first.trend_NK) @ second.trend_NK.T,
            parts=np.stack(
                [
                    weighted(first.genes_NF) @ second.genes_NF.T,
                    weighted(first.pairs_NF) @ second.pairs_NF.T,
                    weighted(joint_MN),
                    weighted(
                        np.eye(len(first.genotypes))
                        if first is second
                        else _same(first.genotypes, second.genotypes)
                    ),
                ]
            ),
        )

    def function_covariance(
        self, networks: Described, rows_LM: Float[np.ndarray, "L M"]
    ) -> Covariance:
        """Return the prior covariance of linear functions of true scores.

        Args:
            networks: ``M`` networks.
            rows_LM: The functions.
        """
        found = self.covariance(networks, networks, rows_LM)
        return Covariance(trend=found.trend @ rows_LM.T, parts=found.parts @ rows_LM.T)

    def describe(self, genotypes: Sequence[Genotype]) -> Described:
        """Return networks as columns."""
        features = self._features
        of_NF = features.of(genotypes)
        groups = features.groups
        kinds = [number for number, name in enumerate(features.names) if name in _GENES]
        is_gene = np.isin(groups, kinds)
        is_pair = np.isin(groups, [n for n, name in enumerate(features.names) if name == "pair"])
        # A group's squared norm is a half on average.
        genes_NF = of_NF[:, is_gene] * np.sqrt(2 / max(len(kinds), 1))
        after_NF = of_NF[:, is_pair] * np.sqrt(2)
        choices = count_choices(genotypes, self._choices.names)
        pairs = count_pairs(genotypes, self._pairs.names)
        same_NF = self._pair.of_columns(with_depth(choices, pairs))
        same_NF = same_NF / np.sqrt(max(same_NF.shape[1], 1))
        pairs_NF = np.concatenate([same_NF, after_NF], axis=1)
        pairs_NF /= np.sqrt(max(int(same_NF.size > 0) + int(after_NF.size > 0), 1))
        trend_NK = self._trend.of_columns(choices.counts_NK)
        constant = np.full((len(genotypes), 1), 2.0)
        return Described(
            genotypes=tuple(genotypes),
            trend_NK=np.concatenate([constant, trend_NK], axis=1),
            genes_NF=genes_NF,
            pairs_NF=pairs_NF,
            joint_NF=of_NF * np.sqrt(_NEARNESS / max(len(features.names), 1)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standard:
    """Brings columns to a mean of 0 and a standard deviation of 1; leaves out those without one."""

    kept: np.ndarray
    centre_K: np.ndarray
    scale_K: np.ndarray

    @classmethod
    def of(cls, columns_NK: np.ndarray) -> _Standard:
        sd_K = columns_NK.std(axis=0)
        kept = np.flatnonzero(sd_K > 1e-9)
        return cls(
            kept=kept,
            centre_K=columns_NK[:, kept].mean(axis=0),
            scale_K=np.maximum(sd_K[kept], _SMALLEST_SD),
        )

    def of_columns(self, columns_NK: np.ndarray) -> np.ndarray:
        return np.asarray((columns_NK[:, self.kept] - self.centre_K) / self.scale_K)


def _same(first: Sequence[Genotype], second: Sequence[Genotype]) -> Float[np.ndarray, "N M"]:
    """Return 1 where two networks are the same, otherwise 0."""
    column = {genotype: number for number, genotype in enumerate(second)}
    found = np.zeros((len(first), len(second)))
    for row, genotype in enumerate(first):
        if genotype in column:
            found[row, column[genotype]] = 1.0
    return found


def with_depth(choices: Counts[Choice], pairs: Counts[Pair]) -> Float[np.ndarray, "N K"]:
    """Return the counts of pairs, and of each choice times the number of levels."""
    is_depth = np.array([each.kind == "depth" for each in choices.names])
    levels_K = np.array([int(each.value) if each.kind == "depth" else 0 for each in choices.names])
    levels_N = choices.counts_NK @ levels_K
    of_nodes_NK = choices.counts_NK[:, ~is_depth] * levels_N[:, None]
    return np.concatenate([pairs.counts_NK, of_nodes_NK], axis=1)
