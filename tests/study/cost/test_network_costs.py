"""Costs that a study counts or measures, and keeps."""

import numpy as np
import pytest

from mbnas.errors import ConfigurationError
from mbnas.network.architecture import LibraryNetwork
from mbnas.network.build import build_network
from mbnas.network.cost.complexity import complexity
from mbnas.network.interface import Interface
from mbnas.search.settings import SearchSettings
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import unet_genotype
from mbnas.space.search_space import Space
from mbnas.study.configuration import Configuration
from mbnas.study.cost import network_costs
from mbnas.study.cost.network_costs import NetworkCosts, check_limits
from mbnas.study.ledger.ledger import Ledger

INTERFACE = Interface(in_channels=1, num_classes=3, size=40)
SMALL = SpaceSettings(num_nodes=3, num_levels=2)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def measured_ms(monkeypatch):
    """Latencies as a clock would give them, each different; the list of what was measured."""
    measured = []

    def measure(network, interface, *, device):
        measured.append((interface, device))
        return float(len(measured))

    monkeypatch.setattr(network_costs, "latency_ms", measure)
    return measured


def costs_of(ledger):
    return NetworkCosts(ledger, INTERFACE, base_channels=4, device="cpu", threads=1)


def counted(architecture, size=40):
    interface = Interface(in_channels=1, num_classes=3, size=size)
    return complexity(lambda: build_network(architecture, interface, base_channels=4), interface)


@pytest.mark.parametrize(
    "architecture", [unet_genotype(), LibraryNetwork(design="Unet", encoder="resnet18")]
)
def test_recorded_costs_are_those_of_the_network(ledger, architecture):
    if isinstance(architecture, LibraryNetwork):
        pytest.importorskip("segmentation_models_pytorch")
        costs = NetworkCosts(
            ledger,
            Interface(in_channels=1, num_classes=3, size=64),
            base_channels=4,
            device="cpu",
            threads=1,
        )
        size = 64
    else:
        costs, size = costs_of(ledger), 40
    costs.record(architecture)
    record = ledger.networks()[architecture.digest]
    expected = counted(architecture, size)
    assert (record.parameters, record.macs) == (
        expected.parameters,
        expected.multiply_accumulates,
    )
    assert record.macs_32 == counted(architecture, 32).multiply_accumulates


def test_a_latency_is_measured_once_and_kept(ledger, measured_ms):
    """A resumed search decides by the same value, whatever the machine would measure then."""
    unet, other = unet_genotype(), Space().sample(np.random.default_rng(0))
    first = costs_of(ledger)
    assert [first(each, "latency") for each in (unet, other, unet)] == [1.0, 2.0, 1.0]
    resumed = costs_of(ledger)
    assert [resumed(each, "latency") for each in (other, unet)] == [2.0, 1.0]
    assert measured_ms == [(INTERFACE, "cpu")] * 2
    assert ledger.networks()[unet.digest].latency_ms == 1.0


def test_counts_are_known_without_the_ledger(ledger):
    expected = counted(unet_genotype())
    costs = costs_of(ledger)
    assert costs(unet_genotype(), "parameters") == expected.parameters
    assert costs(unet_genotype(), "macs") == expected.multiply_accumulates
    assert ledger.networks() == {}


def test_limits_that_nothing_meets_are_refused(measured_ms):
    search = SearchSettings(max_macs=1000, max_latency_ms=0.5)
    with pytest.raises(ConfigurationError, match=r"search.max_macs \(=1 k\)"):
        check_limits(Configuration(dataset="", search=search, space=SMALL), INTERFACE)
    assert measured_ms == []
    timed = SearchSettings(max_latency_ms=0.5)
    with pytest.raises(ConfigurationError, match=r"max_latency_ms \(=0.5\), the fastest .* 1 ms"):
        check_limits(Configuration(dataset="", search=timed, space=SMALL), INTERFACE)
    assert 1 < len(measured_ms) <= 5


def test_one_fast_network_is_enough_to_begin(measured_ms):
    search = SearchSettings(max_latency_ms=1.0)
    check_limits(Configuration(dataset="", search=search, space=SMALL), INTERFACE)
    assert len(measured_ms) == 1
