"""What mattered in the search of a study, from a snapshot of its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.results.explanation.explain_scores import explain_scores
from mbnas.results.explanation.findings import Explanation
from mbnas.search.bayesian.observations import observe
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype
from mbnas.space.limited_space import LimitedSpace
from mbnas.space.search_space import Space
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.leaders import network_answers

_MOST_CHANNELS = 64


def explanation_of(
    snapshot: Snapshot, configuration: Configuration, chosen: Genotype | None
) -> Explanation | None:
    """Return what mattered in a search; ``None`` if no network has a score.

    Args:
        snapshot: Of its ledger.
        configuration: Of its study.
        chosen: The network that the study stands for.
    """
    answers = network_answers(snapshot.proposals, snapshot.of_protocol, configuration)
    observations = observe(answers)
    if len(observations.genotypes) == len(observations.failed):
        return None
    space = configuration.space.searched
    limited = _limited(space, snapshot, configuration)
    return explain_scores(
        limited or space,
        observations,
        reference=configuration.reference,
        chosen=chosen,
        searcher=configuration.search.searcher,
        is_limited=limited is not None,
    )


def _limited(space: Space, snapshot: Snapshot, configuration: Configuration) -> LimitedSpace | None:
    """Return the space within the limits of a search; ``None`` without limits."""
    limits = configuration.search.limits
    cost = _recorded_cost(snapshot, configuration)
    if not limits.given or cost is None:
        return None
    return LimitedSpace.within(space, limits, _CountedCost(cost))


def _recorded_cost(snapshot: Snapshot, configuration: Configuration) -> GenotypeCost | None:
    """Return the costs of genotypes by which those in a ledger were counted.

    The ledger does not hold the number of channels of an image, but a network's weights tell it.
    """
    num_classes = snapshot.facts.num_classes
    known = next(
        (
            each
            for each in snapshot.networks.values()
            if isinstance(each.architecture, Genotype) and each.parameters and each.macs
        ),
        None,
    )
    if num_classes is None or known is None:
        return None
    assert isinstance(known.architecture, Genotype)
    for channels in range(1, _MOST_CHANNELS + 1):
        cost = GenotypeCost(
            interface=Interface(
                in_channels=channels,
                num_classes=num_classes + 1,
                size=configuration.preparation.input_size,
            ),
            base_channels=configuration.training.base_channels,
        )
        found = cost(known.architecture)
        if (found.parameters, found.multiply_accumulates) == (known.parameters, known.macs):
            return cost
    return None


@dataclass(frozen=True, slots=True)
class _CountedCost:
    """Parameters and multiply-accumulates of genotypes, by name."""

    cost: GenotypeCost

    def __call__(self, genotype: Genotype, name: CostName) -> float:
        found = _counted(self.cost, genotype)
        return float(found[0] if name == "parameters" else found[1])


@lru_cache(maxsize=2**14)
def _counted(cost: GenotypeCost, genotype: Genotype) -> tuple[int, int]:
    found = cost(genotype)
    return found.parameters, found.multiply_accumulates
