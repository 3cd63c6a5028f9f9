"""The front of a search: its networks that no other beats in score and cost, with the reference.

The scores are those of the search, each the mean of few noisy trainings. The front therefore looks
better than it is, most of all where many networks have nearly the same cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mbnas.scoring.non_dominated import non_dominated
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.snapshot import NetworkRecord, Snapshot
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontNetwork:
    """A scored network and what it costs.

    Attributes:
        number: Of its evaluation.
        genotype: The network.
        score: Its search score.
        standard_error: Of the score, over initialisations; ``None`` with fewer than two.
        num_trainings: On which the score rests.
        parameters: Of the network.
        macs: Multiply-accumulates for one slice.
        latency_ms: Of one slice; ``None`` if it was not measured.
    """

    number: int
    genotype: Genotype
    score: float
    standard_error: float | None
    num_trainings: int
    parameters: int
    macs: int
    latency_ms: float | None

    def cost(self, name: CostName) -> float | None:
        """Return one of its costs; ``None`` if it was not measured."""
        match name:
            case "parameters":
                return float(self.parameters)
            case "macs":
                return float(self.macs)
            case "latency":
                return self.latency_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFront:
    """The front of a search.

    Attributes:
        costs: By which networks are compared beside the score.
        networks: All that have a score and these costs, in the order asked for.
        members: Those that no other beats, by rising cost.
        reference: The U-Net of the space, ``None`` while it has no score.
    """

    costs: tuple[CostName, ...]
    networks: tuple[FrontNetwork, ...]
    members: tuple[FrontNetwork, ...]
    reference: FrontNetwork | None


def search_front(
    configuration: Configuration,
    snapshot: Snapshot,
    status: SearchStatus,
    costs: Sequence[CostName] = (),
) -> SearchFront:
    """Return the front of a search.

    Args:
        configuration: Of its study.
        snapshot: Of its ledger.
        status: Of the search in it.
        costs: By which networks are compared beside the score; those of the objective by default,
            or multiply-accumulates if it has none.
    """
    costs = tuple(costs) or configuration.search.costs or ("macs",)
    reference = configuration.reference
    scored = [
        network
        for each in status.evaluations
        if (network := _network(each, snapshot.networks[each.record.network])) is not None
    ]
    known = [each for each in scored if None not in map(each.cost, costs)]
    points = [[each.cost(name) or 0.0 for name in costs] for each in known]
    front = non_dominated(points, [each.score for each in known])
    return SearchFront(
        costs=tuple(costs),
        networks=tuple(known),
        members=tuple(known[number] for number in front),
        reference=next((each for each in scored if each.genotype == reference), None),
    )


def objective_front(
    configuration: Configuration, snapshot: Snapshot, status: SearchStatus
) -> SearchFront | None:
    """Return the front of a search, ``None`` if low cost is no objective of it.

    The arguments are those of :func:`search_front`.
    """
    return search_front(configuration, snapshot, status) if configuration.search.costs else None


def _network(evaluation: ScoredNetwork, record: NetworkRecord) -> FrontNetwork | None:
    if evaluation.score is None or record.parameters is None or record.macs is None:
        return None
    return FrontNetwork(
        number=evaluation.record.number,
        genotype=evaluation.genotype,
        score=evaluation.score,
        standard_error=_standard_error(evaluation),
        num_trainings=len(evaluation.trainings),
        parameters=record.parameters,
        macs=record.macs,
        latency_ms=record.latency_ms,
    )


def _standard_error(evaluation: ScoredNetwork) -> float | None:
    """Return the standard error of a score over initialisations, whose folds are averaged."""
    by_initialisation: dict[int, list[float]] = {}
    for each in evaluation.trainings:
        if each.score is not None:
            by_initialisation.setdefault(each.key.initialisation, []).append(each.score)
    most = max(map(len, by_initialisation.values()), default=0)
    means = [np.mean(each) for each in by_initialisation.values() if len(each) == most]
    return float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else None
