"""Fused networks: each computes and learns like a single network."""

import copy

import pytest
import torch
from torch import nn

from mbnas.network.fused_networks import FusedNetworks
from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype, unet_genotype

GENOTYPES = {
    "unet": unet_genotype(3),
    "mixed": Genotype.parse("0dense3-1residual5-2inception3-1vgg3-0residual3@2"),
    "down": Genotype.parse("0inception3-1vgg5-2dense3"),
    "seresidual": Genotype.parse("0seresidual3-1seresidual5-0seresidual3"),
    "convnext": Genotype.parse("0convnext3-1convnext5-0convnext7"),
    "mbconv": Genotype.parse("0mbconv3-1mbconv5-0mbconv7"),
    "attention": Genotype.parse("0attention3-1attention5-0attention1"),
}


def networks_of(genotype, number=3):
    """Different networks of one architecture, in the memory layout of trainings."""
    torch.manual_seed(0)
    return [
        Network(genotype, in_channels=2, num_classes=3, base_channels=4).to(
            memory_format=torch.channels_last
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("genotype", GENOTYPES.values(), ids=GENOTYPES)
def test_logits_gradients_and_batch_statistics_equal_those_of_single_networks(genotype):
    networks = [network.double() for network in networks_of(genotype)]
    alone = [copy.deepcopy(network) for network in networks]
    together = FusedNetworks(networks)
    images = torch.randn(3, 4, 2, 16, 15, dtype=torch.float64)  # partly padding
    logits = together(images)
    logits.square().sum().backward()
    together.distribute_gradients()
    expected = [network.train()(its) for network, its in zip(alone, images, strict=True)]
    torch.testing.assert_close(logits, torch.stack(expected))
    torch.stack(expected).square().sum().backward()
    for network, other in zip(networks, alone, strict=True):
        for (name, parameter), expected_one in zip(
            network.named_parameters(), other.parameters(), strict=True
        ):
            torch.testing.assert_close(
                parameter.grad, expected_one.grad, rtol=1e-6, atol=1e-6, msg=name
            )
        for (name, buffer), expected_one in zip(
            network.named_buffers(), other.buffers(), strict=True
        ):
            torch.testing.assert_close(buffer, expected_one, msg=name)


def test_a_change_to_one_network_affects_only_its_row():
    networks = networks_of(GENOTYPES["unet"], 2)
    together = FusedNetworks(networks)
    images = torch.randn(2, 4, 2, 16, 16)
    before = together(images).detach()
    with torch.no_grad():
        networks[1].head.bias += 1.0
    after = together(images).detach()
    assert torch.equal(after[0], before[0])
    torch.testing.assert_close(after[1], before[1] + 1.0)


def test_fusing_keeps_weights_and_memory_layout():
    networks = networks_of(GENOTYPES["mixed"], 2)
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    FusedNetworks(networks)
    for network, its in zip(networks, before, strict=True):
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, its[name]), name
            assert tensor.stride() == its[name].stride(), name


@pytest.mark.parametrize(
    ("networks", "problem"),
    [
        ([nn.Linear(2, 2)], "must be 2 or more"),
        ([nn.Linear(2, 2), nn.Linear(2, 3)], "agree in the shape"),
        ([nn.Linear(2, 2), nn.Linear(2, 2, bias=False)], "same parameters"),
    ],
)
def test_networks_of_different_structure_are_refused(networks, problem):
    with pytest.raises(ValueError, match=problem):
        FusedNetworks(networks)
