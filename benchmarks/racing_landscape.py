"""Scores with known truth, for racing.py, as large as the results of this repository have them."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist

import numpy as np

from mbnas.seeds import derive_seed, generator
from mbnas.space.genotype import Genotype

MOST_FOLDS, MOST_INITIALISATIONS = 5, 3
NETWORK_BY_FOLD_SD = 0.003
"""Assumed: the noise of the measurements can hide at most this much."""

LEVEL_SD, CELL_SD = 0.004, 0.0012
"""Of what a node's step in levels adds to a true score, and its block, kernel or skip."""

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How scores come about.

    Attributes:
        noise_sd: Of a training, over initialisations.
        signal: Factor on all true differences.
        noise_spread: Standard deviation of the logarithm of the noise over networks.
        shared: Share of the noise's variance that all networks have in common, by initialisation.
        collapse: Chance that a training loses 0.4.
    """

    noise_sd: float
    signal: float = 1.0
    noise_spread: float = 0.0
    shared: float = 0.0
    collapse: float = 0.0


@dataclass(slots=True, kw_only=True)
class Landscape:
    """True and measured scores of every genotype, of one seed."""

    world: World
    seed: int
    known: dict[Genotype, np.ndarray] = field(default_factory=dict)

    def true(self, genotype: Genotype) -> float:
        """Return the score without noise: of levels, cells, and adjacent blocks."""
        level, block, total = 0, "", 0.0
        for number, node in enumerate(genotype.nodes):
            total += LEVEL_SD * _normal(self.seed, f"level {number} {level} {node.level}")
            for gene in (
                f"skip {number} {node.skip}",
                f"block {number} {node.block}",
                f"kernel {number} {node.kernel}",
                f"blocks {number} {block} {node.block}",
            ):
                total += CELL_SD * _normal(self.seed, gene)
            level, block = node.level, node.block
        return 0.8 + self.world.signal * total

    def measured(self, genotype: Genotype) -> np.ndarray:
        """Return the scores of all trainings, the same in every order of calls.

        Effects of a fold on all networks are left out: they cancel in every difference.
        """
        if genotype not in self.known:
            world, shape = self.world, (MOST_INITIALISATIONS, MOST_FOLDS)
            rng = generator(self.seed, str(genotype))
            common = generator(self.seed, "initialisations").normal(size=shape)
            own_sd = world.noise_sd * math.exp(world.noise_spread * rng.normal())
            noise = math.sqrt(1 - world.shared) * rng.normal(size=shape)
            noise += math.sqrt(world.shared) * common
            by_fold = NETWORK_BY_FOLD_SD * rng.normal(size=MOST_FOLDS)
            collapses = 0.4 * (rng.random(shape) < world.collapse)
            self.known[genotype] = self.true(genotype) + by_fold + own_sd * noise - collapses
        return self.known[genotype]


@lru_cache(maxsize=1 << 16)
def _normal(seed: int, purpose: str) -> float:
    return NormalDist().inv_cdf((derive_seed(seed, purpose) + 0.5) / 2**63)


def components() -> dict[str, float]:
    """Return what the results of this repository say about the sizes, as standard deviations."""
    with (ROOT / "docs/results/archive/hippocampus.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cells: dict[str, dict[tuple[int, int], float]] = {}
    for row in rows:
        key = int(row["initialisation"]), int(row["fold"])
        cells.setdefault(row["network"], {})[key] = float(row["score"])
    searched_NF = np.array([[of[0, f] for f in range(3)] for of in cells.values() if (0, 0) in of])
    anew_NIF = np.array(
        [
            [[of[i, f] for f in range(3)] for i in (1000, 1001)]
            for of in cells.values()
            if (1000, 0) in of
        ]
    )
    arms = collapse_arms()
    kept = [network for network in arms["before"] if min(arms["before"][network]) > 0.6]
    changed_NF = np.array([np.subtract(arms["after"][n], arms["before"][n]) for n in kept])
    changed_NF -= changed_NF.mean(axis=0)
    repeats_ss = float(((anew_NIF - anew_NIF.mean(axis=1, keepdims=True)) ** 2).sum())
    repeats_df = anew_NIF.shape[0] * 3
    arms_ss = float((changed_NF**2).sum()) / 2
    arms_df = (len(kept) - 1) * 5
    near_NF = np.array(list(arms["after"].values()))[:4]
    return {
        "repeats_df": repeats_df,
        "repeats_sd": math.sqrt(repeats_ss / repeats_df),
        "arms_df": arms_df,
        "arms_sd": math.sqrt(arms_ss / arms_df),
        "noise_sd": math.sqrt((repeats_ss + arms_ss) / (repeats_df + arms_df)),
        "residual_sd_search": residual_sd(searched_NF),
        "residual_sd_near": residual_sd(near_NF),
        "residual_sd_all": residual_sd(np.array(list(arms["after"].values()))),
        "network_means_sd": float(searched_NF.mean(axis=1).std(ddof=1)),
        "network_means_sd_without_worst": float(np.sort(searched_NF.mean(axis=1))[1:].std(ddof=1)),
    }


def collapse_arms() -> dict[str, dict[str, list[float]]]:
    """Return the scores by arm and network, fold after fold."""
    path = ROOT / "benchmarks/results/collapse-2026-11-23.json"
    arms: dict[str, dict[str, list[float]]] = {}
    for row in sorted(json.loads(path.read_text(encoding="utf-8")), key=lambda row: row["fold"]):
        arms.setdefault(row["arm"], {}).setdefault(row["network"], []).append(row["score"])
    return arms


def residual_sd(scores_NF: np.ndarray) -> float:
    """Return what is left when effects of networks and of folds are taken out."""
    left = scores_NF - scores_NF.mean(axis=1, keepdims=True) - scores_NF.mean(axis=0)
    left += scores_NF.mean()
    return math.sqrt((left**2).sum() / ((len(scores_NF) - 1) * (scores_NF.shape[1] - 1)))
