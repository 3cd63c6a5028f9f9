"""The leaders of a search: its networks in order of what a model of the scores says of them.

The model pools the scores of similar networks, so that a network does not lead because it was
lucky (:mod:`mbnas.search.bayesian.estimates`). It applies to the scores of any searcher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from mbnas.search.bayesian.estimates import Estimate, estimates
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.training.training_record import TrainingRecord


def leaders_of(
    proposals: Iterable[Proposal],
    trainings: Iterable[TrainingRecord],
    configuration: Configuration,
) -> tuple[Genotype, ...]:
    """Return the networks that have a score, the most promising first.

    The arguments are those of :func:`network_estimates`.
    """
    found = network_estimates(proposals, trainings, configuration)
    return tuple(each.genotype for each in found)


def front_of(found: Iterable[Estimate], cost_of: Callable[[Genotype], float]) -> list[Estimate]:
    """Return the estimates that no other beats in both mean and cost, the highest mean first.

    Args:
        found: The highest mean first.
        cost_of: Returns the cost of a network.
    """
    front: list[Estimate] = []
    lowest = math.inf
    for each in found:
        if (cost := cost_of(each.genotype)) < lowest:
            front.append(each)
            lowest = cost
    return front


def network_estimates(
    proposals: Iterable[Proposal],
    trainings: Iterable[TrainingRecord],
    configuration: Configuration,
) -> tuple[Estimate, ...]:
    """Return what the model says of the networks that have a score, the highest mean first.

    Args:
        proposals: Of the search, in order.
        trainings: Of the study's protocol.
        configuration: Of the study.
    """
    protocol = configuration.protocol
    scores = {
        (each.key.network, each.key.initialisation, each.key.fold): each.score for each in trainings
    }
    ended: list[tuple[Proposal, tuple[float, ...]]] = []
    for proposal in proposals:
        cells = list(
            product(
                range(proposal.initialisations or protocol.initialisations), range(protocol.folds)
            )
        )
        found = [
            [scores.get((each.digest, *cell), math.nan) for cell in cells]
            for each in proposal.genotypes
        ]
        answers = tuple(map(_mean, found))
        if any(map(math.isnan, answers)):
            break  # this proposal and those after it have not been answered
        ended.append((proposal, answers))
    return estimates(configuration.space.searched, ended, per_network=protocol.initialisations)


def _mean(scores: Sequence[float | None]) -> float:
    """Return the mean, −inf if a training failed, nan if one is missing."""
    if None in scores:
        return -math.inf
    known = [each for each in scores if each is not None]
    return math.fsum(known) / len(known)
