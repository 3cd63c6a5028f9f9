"""What a search knows of each network: the scores of its initialisations, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mbnas.search.searcher import Answer
from mbnas.space.genotype import Genotype

CLIPPED_BELOW = 3.0
"""Robust standard deviations below the median at which a score is cut off."""

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """Scores of ``N`` networks, standardised.

    Attributes:
        genotypes: The networks, in the order in which they were proposed.
        means_N: Mean score of each over its initialisations.
        counts_N: From how many initialisations it has a score.
        within_ss: Sum of the squared differences of initialisations from their network's mean.
        within_df: Its degrees of freedom, the sum of ``counts_N - 1``.
        failed: Networks that could not be scored. They have the lowest score of all.
        centre: Score that is 0 here.
        scale: Score difference that is 1 here.
    """

    genotypes: tuple[Genotype, ...]
    means_N: np.ndarray
    counts_N: np.ndarray
    within_ss: float
    within_df: int
    failed: frozenset[Genotype]
    centre: float
    scale: float

    @property
    def num_initialisations(self) -> int:
        """From how many initialisations there are scores, over all networks."""
        return int(self.counts_N.sum())


def observe(answers: Iterable[Answer]) -> Observations:
    """Return what is known after some answers.

    The score of a single initialisation follows from the means before and after it. Collapsed
    trainings lie far below all others: scores are cut off at :data:`CLIPPED_BELOW`
    robust standard deviations below the median, so a collapse counts as a bad score and
    does not stretch the scale of the others. A failed network counts as one score of that limit.

    Args:
        answers: In the order of the proposals.
    """
    scores: dict[Genotype, list[float]] = {}
    failed: set[Genotype] = set()
    for proposal, received in answers:
        wanted = proposal.initialisations or 1
        for genotype, mean in zip(proposal.genotypes, received, strict=True):
            known = scores.setdefault(genotype, [])
            if not math.isfinite(mean):
                failed.add(genotype)
            elif wanted > len(known):
                new = wanted - len(known)
                known.extend([(wanted * mean - sum(known)) / new] * new)
    singles = np.array([each for known in scores.values() for each in known])
    centre = float(np.median(singles)) if len(singles) else 0.0
    scale = NORMAL_MAD * float(np.median(np.abs(singles - centre))) if len(singles) else 1.0
    if scale <= 1e-9:  # more than half of the scores are equal
        scale = float(singles.std()) if len(singles) and singles.std() > 1e-9 else 1.0
    clipped = {
        genotype: _standardised([] if genotype in failed else known, centre, scale)
        for genotype, known in scores.items()
    }
    return Observations(
        genotypes=tuple(clipped),
        means_N=np.array([each.mean() for each in clipped.values()]),
        counts_N=np.array([len(each) for each in clipped.values()], dtype=int),
        within_ss=math.fsum(((each - each.mean()) ** 2).sum() for each in clipped.values()),
        within_df=sum(len(each) - 1 for each in clipped.values()),
        failed=frozenset(failed),
        centre=centre,
        scale=scale,
    )


def _standardised(scores: Sequence[float], centre: float, scale: float) -> np.ndarray:
    if not scores:
        return np.array([-CLIPPED_BELOW])
    return np.maximum((np.array(scores) - centre) / scale, -CLIPPED_BELOW)
