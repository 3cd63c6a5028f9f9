"""What the networks of a study cost: counted exactly, or measured once and kept in its ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import nn

from mbnas.data.datasets.dataset import Dataset
from mbnas.data.slices.neighbours import channel_names
from mbnas.data.slices.prepared_slices import Index
from mbnas.errors import ConfigurationError
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network, check_logits
from mbnas.network.cost.complexity import Complexity, complexity, latency_ms
from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.search.settings import make_searcher
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.device.device_setup import prepare_process

Declared = Dataset | Index
"""What says the channels and labels of a study: its dataset, or the index of its slices."""


def interface_of(configuration: Configuration, declared: Declared) -> Interface:
    """Return what the networks of a study must fit."""
    preparation = configuration.preparation
    channels = channel_names(declared.channels, preparation.context)
    return Interface.of(channels, declared.labels.targets.num_outputs, preparation.input_size)


def check_limits(configuration: Configuration, interface: Interface) -> None:
    """Check that a search can start within its limits.

    What can be counted is counted. Latency is measured, of a few small networks.

    Args:
        configuration: Of a study.
        interface: What its networks fit.

    Raises:
        ConfigurationError: if its start is beyond them, or nothing is found within them.
    """
    search = replace(configuration.search, max_latency_ms=None)
    count = GenotypeCost(interface=interface, base_channels=configuration.training.base_channels)

    def cost_of(genotype: Genotype, name: CostName) -> float:
        return count(genotype).named(name)

    rng = np.random.default_rng(0)
    make_searcher(search, configuration.space, rng, cost_of=cost_of).close()
    limit_ms = configuration.search.max_latency_ms
    if limit_ms is None:
        return
    fastest_ms = math.inf
    for genotype in _small_networks(configuration, count):
        built = build_network(
            genotype, interface, base_channels=configuration.training.base_channels
        )
        prepare_process(configuration.training.threads)
        measured_ms = latency_ms(built, interface, device=configuration.run.device)
        fastest_ms = min(fastest_ms, measured_ms)
        if fastest_ms <= limit_ms:
            return
    raise ConfigurationError(
        f"Even small networks of the space take longer than search.max_latency_ms (={limit_ms:g}), "
        f"the fastest of them {fastest_ms:.3g} ms. Raise the limit, lower training.base_channels, "
        "or search a larger space."
    )


def _small_networks(configuration: Configuration, count: GenotypeCost) -> Iterator[Genotype]:
    """Yield networks of a space that are likely to be fast.

    The first is where steps from the reference to cheaper neighbours end. The others have its
    topology, with the same block and the smallest kernel in all nodes.
    """

    def macs(genotype: Genotype) -> int:
        return count(genotype).multiply_accumulates

    space = configuration.space.searched
    found = configuration.reference
    while True:
        around = (each for gene in space.variables for each in space.neighbours(found, gene))
        cheaper = min(around, key=macs, default=found)
        if macs(cheaper) >= macs(found):
            break
        found = cheaper
    yield found
    for block in space.blocks:
        nodes = (
            replace(node, block=block, kernel=min(space.kernels), expansion=None)
            for node in found.nodes
        )
        if (uniform := Genotype(nodes=tuple(nodes))) in space and uniform != found:
            yield uniform


class NetworkCosts:
    """Returns costs of a study's networks, and writes them into its ledger.

    A latency is measured when it is first asked for. It depends on the machine and its load, so
    the ledger keeps it, and a resumed search decides by the same value.

    Args:
        ledger: Of the study, open for writing.
        interface: What its networks fit.
        base_channels: Channels of a genotype's level 0.
        device: Where latency is measured, as torch names it.
        threads: Threads of a forward pass on a CPU, as in trainings.
    """

    def __init__(
        self, ledger: Ledger, interface: Interface, *, base_channels: int, device: str, threads: int
    ) -> None:
        self._ledger = ledger
        self._interface = interface
        self._base_channels = base_channels
        self._device = device
        self._threads = threads
        self._count = GenotypeCost(interface=interface, base_channels=base_channels)
        self._latencies_ms: dict[str, float] | None = None

    def __call__(self, genotype: Genotype, name: CostName) -> float:
        """Return one cost of a genotype: a count, or milliseconds."""
        if name == "latency":
            return self.latency_ms(genotype)
        return self._count(genotype).named(name)

    def record(self, architecture: Architecture) -> None:
        """Write a network's parameters and multiply-accumulates into the ledger."""
        cost = self.counted(architecture)
        at_32 = self.counted(architecture, size=32)
        self._ledger.record_network(
            architecture,
            parameters=cost.parameters,
            macs=cost.multiply_accumulates,
            macs_32=at_32.multiply_accumulates,
        )

    def latency_ms(self, architecture: Architecture) -> float:
        """Return how long a network takes for a slice; measure it unless the ledger knows.

        Raises:
            ConfigurationError: if the network cannot be built or gives no logits.
        """
        if self._latencies_ms is None:
            known = self._ledger.networks().items()
            self._latencies_ms = {
                digest: each.latency_ms for digest, each in known if each.latency_ms
            }
        digest = architecture.digest
        if digest not in self._latencies_ms:
            network = self._build(architecture, self._interface)
            if not isinstance(architecture, Genotype):
                check_logits(network, self._interface, name=str(architecture))
            prepare_process(self._threads)
            measured_ms = latency_ms(network, self._interface, device=self._device)
            self._ledger.record_network(architecture, latency_ms=measured_ms)
            self._latencies_ms[digest] = measured_ms
        return self._latencies_ms[digest]

    def counted(
        self, architecture: Architecture, *, size: int | None = None, in_channels: int | None = None
    ) -> Complexity:
        """Return a network's parameters and multiply-accumulates.

        Args:
            architecture: The network.
            size: Height and width of a slice in pixels; that of the study if ``None``.
            in_channels: Channels of its input; those of the study if ``None``.
        """
        ours = self._interface
        interface = replace(
            ours, size=size or ours.size, in_channels=in_channels or ours.in_channels
        )
        if isinstance(architecture, Genotype):
            return replace(self._count, interface=interface)(architecture)
        return complexity(lambda: self._build(architecture, interface), interface)

    def _build(self, architecture: Architecture, interface: Interface) -> nn.Module:
        return build_network(architecture, interface, base_channels=self._base_channels)
