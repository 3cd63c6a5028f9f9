"""Parameters, multiply-accumulates and activations against sums by hand."""

from dataclasses import replace

import pytest
import torch

from mbnas.network.cost.complexity import complexity, latency_ms
from mbnas.network.genotype_network import Network
from mbnas.network.interface import Interface
from mbnas.network.operations.determinism import deterministic_algorithms
from mbnas.space.genotype import Genotype, unet_genotype

INTERFACE = Interface(in_channels=2, num_classes=3, size=8)


def network_of(text, **changes):
    channels = {"in_channels": 2, "num_classes": 3, "base_channels": 4} | changes
    return Network(Genotype.parse(text), **channels)


def test_the_sum_by_hand():
    found = complexity(lambda: network_of("0vgg3-1residual5-0vgg3"), INTERFACE)
    node_1 = 9 * (2 * 4 + 4 * 4)
    node_2 = 25 * (4 * 8 + 8 * 8) + 4 * 8  # half the size, with a projected shortcut
    node_3 = 9 * (8 * 4 + 4 * 4)  # still half the size: it is upsampled after its block
    head = 4 * 3
    assert found.multiply_accumulates == 8**2 * (node_1 + head) + 4**2 * (node_2 + node_3)
    image = 2 * 8**2
    of_1 = 2 * 3 * 4 * 8**2 + 4 * 4  # twice a convolution, its norm with two statistics, its ReLU
    of_3 = 2 * 3 * 4 * 4**2 + 4 * 4 + 4 * 8**2  # upsampled after its block
    without_2 = complexity(lambda: network_of("0vgg3-1vgg3-0vgg3"), INTERFACE)
    pooled = 2 * 4 * 4**2  # values and where they were
    of_2 = 2 * 3 * 8 * 4**2 + 4 * 8
    assert without_2.activations == image + of_1 + pooled + of_2 + of_3 + 3 * 8**2
    norms = 2 * (2 * 4 + 3 * 8 + 2 * 4)
    assert found.parameters == node_1 + node_2 + node_3 + norms + head + 3


@pytest.mark.parametrize("deterministic", [False, True])
def test_it_is_the_same_whatever_algorithms_the_process_uses(deterministic):
    interface = replace(INTERFACE, size=10)  # padded, and upsampled twice
    with deterministic_algorithms(wanted=deterministic):
        found = complexity(lambda: network_of("0vgg3-1dense5-2vgg3-1vgg3"), interface)
    assert found == complexity(lambda: network_of("0vgg3-1dense5-2vgg3-1vgg3"), interface)


def test_a_skip_widens_its_node():
    without, with_skip = (
        complexity(lambda text=text: network_of(text), INTERFACE)
        for text in ("0vgg3-0vgg3-0vgg3", "0vgg3-0vgg3-0vgg3@1")
    )
    assert with_skip.parameters - without.parameters == 9 * 4 * 4
    assert with_skip.multiply_accumulates - without.multiply_accumulates == 8**2 * 9 * 4 * 4


def test_four_times_the_pixels_are_four_times_the_work():
    def build():
        return Network(unet_genotype(), in_channels=1, num_classes=2, base_channels=4)

    small, large = (
        complexity(build, Interface(in_channels=1, num_classes=2, size=size)) for size in (32, 64)
    )
    assert large.parameters == small.parameters
    assert large.multiply_accumulates == 4 * small.multiply_accumulates


def test_nothing_is_allocated():
    built = []

    def build():
        built.append(network_of("0vgg3"))
        return built[-1]

    complexity(build, replace(INTERFACE, size=4096))
    assert {p.device for p in built[0].parameters()} == {torch.device("meta")}


def test_frozen_parameters_do_not_count():
    def build():
        network = network_of("0vgg3")
        network.head.requires_grad_(requires_grad=False)
        return network

    expected = 9 * (2 * 4 + 4 * 4) + 2 * 2 * 4
    assert complexity(build, INTERFACE).parameters == expected


@pytest.mark.parametrize("batches", [1, 4])
def test_latency_excludes_the_first_two_passes(batches):
    passes = []
    network = network_of("0vgg3")
    network.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
    assert latency_ms(network, INTERFACE, batches=batches, passes=3) > 0
    assert passes == [False] * (2 + 3 * batches)
    assert not network.training


def test_latency_is_that_of_the_fastest_group():
    durations_s = iter([9.0, 0.5, 0.012, 7.0])  # the first is of the passes that are not timed
    now = 0.0
    network = network_of("0vgg3")
    calls = 0

    def clock():
        nonlocal now, calls
        if calls % 2:
            now += next(durations_s)
        calls += 1
        return now

    found = latency_ms(network, INTERFACE, batches=3, passes=4, clock=clock)
    assert found == pytest.approx(3.0)  # 12 ms over 4 passes
