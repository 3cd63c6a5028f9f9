"""The costs of networks in a search for those who train elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, SupportsFloat

from mbnas.api.network_object import Network
from mbnas.errors import UsageError
from mbnas.escaping import visible
from mbnas.network.interface import Interface
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype

if TYPE_CHECKING:
    from mbnas.network.cost.genotype_cost import GenotypeCost

MeasureLatency = Callable[[Network], float]
"""Returns how long a network takes for one slice in milliseconds, where it is to be used."""


class AskedCosts:
    """Returns costs of genotypes: counts, and latencies that a function measures.

    A latency is measured once. What is known of it decides again when the search is resumed.

    Args:
        interface: What the networks fit.
        base_channels: Channels of a genotype's level 0.
        measure: Measures a latency; without it, none can be asked for.
        latencies_ms: Those measured before, by the text of a network.

    Attributes:
        latencies_ms: Those before and those measured since.
    """

    def __init__(
        self,
        interface: Interface,
        *,
        base_channels: int,
        measure: MeasureLatency | None,
        latencies_ms: Mapping[str, float],
    ) -> None:
        self._interface = interface
        self._base_channels = base_channels
        self._measure = measure
        self.latencies_ms = dict(latencies_ms)

    def __call__(self, genotype: Genotype, name: CostName) -> float:
        """Return one cost of a genotype: a count, or milliseconds.

        Raises:
            UsageError: if a measured latency is no duration.
        """
        if name == "latency":
            return self._latency_ms(Network(str(genotype)))
        return self._count(genotype).named(name)

    @cached_property
    def _count(self) -> GenotypeCost:
        from mbnas.network.cost.genotype_cost import GenotypeCost  # torch is slow to import

        return GenotypeCost(interface=self._interface, base_channels=self._base_channels)

    def _latency_ms(self, network: Network) -> float:
        if network.text not in self.latencies_ms:
            assert self._measure is not None
            measured = self._measure(network)
            measured_ms = float(measured) if isinstance(measured, SupportsFloat) else math.nan
            if not 0 < measured_ms < math.inf:
                raise UsageError(
                    f"latency_ms returned {visible(repr(measured)):.60} for {network}: return the "
                    "milliseconds that it takes, above 0 and finite."
                )
            self.latencies_ms[network.text] = measured_ms
        return self.latencies_ms[network.text]
