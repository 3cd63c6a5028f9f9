"""What the model says of the networks that have scores: their true scores, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from mbnas.search.bayesian.choice import feature_map, posterior
from mbnas.search.searcher import Answer
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The true score of a network by the model: its mean over all possible initialisations.

    Attributes:
        genotype: The network.
        mean: Posterior mean, in the unit of the scores.
        sd: Posterior standard deviation.
        num_initialisations: From how many initialisations it has a score.
    """

    genotype: Genotype
    mean: float
    sd: float
    num_initialisations: int


def estimates(
    space: Space, answers: Iterable[Answer], *, per_network: int = 1
) -> tuple[Estimate, ...]:
    """Return what the model says of every network that could be scored, the best first.

    The scores may be those of any searcher in the space.

    Args:
        space: Where the networks are.
        answers: Proposals and the scores that were sent for them, in order.
        per_network: Initialisations of a network whose proposal does not say how many.
    """
    filled = tuple(
        (replace(proposal, initialisations=proposal.initialisations or per_network), scores)
        for proposal, scores in answers
    )
    if not filled:
        return ()
    observations, surrogate = posterior(space, filled)
    features_NF = feature_map(space).of(observations.genotypes)
    positions_N = np.arange(len(observations.genotypes))
    means_N, variances_N, _ = surrogate.cross(features_NF, positions_N)
    found = [
        Estimate(
            genotype=genotype,
            mean=observations.centre + observations.scale * float(mean),
            sd=observations.scale * float(np.sqrt(variance)),
            num_initialisations=int(count),
        )
        for genotype, mean, variance, count in zip(
            observations.genotypes, means_N, variances_N, observations.counts_N, strict=True
        )
        if genotype not in observations.failed
    ]
    return tuple(sorted(found, key=lambda each: -each.mean))
