"""Parameters and multiply-accumulates of any genotype, as they were counted for a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.space.cost_limits import CostName, CostOf
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.snapshot import Snapshot

_MOST_CHANNELS = 64


def recorded_cost(snapshot: Snapshot, configuration: Configuration) -> CostOf | None:
    """Return the costs of genotypes by which those in a ledger were counted.

    The ledger does not hold the number of channels of an image, but a network's weights tell it.

    Args:
        snapshot: Of the ledger.
        configuration: Of its study.

    Returns:
        ``None`` if no network in the ledger tells it.
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
            return _CountedCost(cost)
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
