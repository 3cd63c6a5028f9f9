"""The leaders of a search: its networks in order of what a model of the scores says of them.

The model pools the scores of similar networks, so that a network does not lead because it was
lucky (:mod:`mbnas.search.bayesian.estimates`). It applies to the scores of any searcher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from mbnas.scoring.non_dominated import non_dominated
from mbnas.search.bayesian.estimates import Estimate, estimates
from mbnas.search.searcher import Answer, Proposal
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


def front_of(found: Sequence[Estimate], cost_of: Callable[[Genotype], float]) -> list[Estimate]:
    """Return the estimates that no other beats in both mean and cost, the highest mean first.

    Args:
        found: What the model says of networks.
        cost_of: Returns the cost of a network.
    """
    front = non_dominated(
        [[cost_of(each.genotype)] for each in found], [each.mean for each in found]
    )
    return [found[number] for number in reversed(front)]


def network_estimates(
    proposals: Iterable[Proposal],
    trainings: Iterable[TrainingRecord],
    configuration: Configuration,
) -> tuple[Estimate, ...]:
    """Return what the model says of the networks that have a score, the highest mean first.

    A network counts with all initialisations of which every fold has ended, also if racing dropped
    it or more of them are still being trained.

    Args:
        proposals: Of the search, in order.
        trainings: Of the study's protocol.
        configuration: Of the study.
    """
    answers = network_answers(proposals, trainings, configuration)
    return estimates(configuration.space.searched, answers)


def network_answers(
    proposals: Iterable[Proposal],
    trainings: Iterable[TrainingRecord],
    configuration: Configuration,
) -> list[Answer]:
    """Return the scores of networks by initialisation, as answers to proposals of them.

    The arguments are those of :func:`network_estimates`.
    """
    by_initialisation: dict[str, dict[int, list[float | None]]] = {}
    for each in trainings:
        if not each.key.is_fresh:
            of_network = by_initialisation.setdefault(each.key.network, {})
            of_network.setdefault(each.key.initialisation, []).append(each.score)
    asked = dict.fromkeys(each for proposal in proposals for each in proposal.genotypes)
    num_folds = configuration.protocol.folds
    complete = {
        genotype: _complete(by_initialisation.get(genotype.digest, {}), num_folds)
        for genotype in asked
    }
    answers: list[Answer] = []
    for number in range(1, max(map(len, complete.values()), default=0) + 1):
        scored = tuple(each for each, scores in complete.items() if len(scores) >= number)
        proposal = Proposal(genotypes=scored, incumbent=None, why="", initialisations=number)
        answers.append((proposal, tuple(_mean(complete[each][:number]) for each in scored)))
    return answers


def _complete(
    by_initialisation: Mapping[int, Sequence[float | None]], num_folds: int
) -> list[Sequence[float | None]]:
    """Return the scores of the first initialisations of which every fold has ended."""
    found: list[Sequence[float | None]] = []
    while len(scores := by_initialisation.get(len(found), ())) == num_folds:
        found.append(scores)
    return found


def _mean(initialisations: Sequence[Sequence[float | None]]) -> float:
    """Return the mean over all trainings, −inf if one failed."""
    scores = [score for each in initialisations for score in each]
    known = [score for score in scores if score is not None]
    return math.fsum(known) / len(known) if len(known) == len(scores) else -math.inf
