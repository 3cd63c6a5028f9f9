"""Baselines against the paper's Table 1, and other networks of the library."""

from dataclasses import replace

import pytest
import torch

from mbnas.errors import ConfigurationError
from mbnas.network.architecture import BASELINES, parse_architecture
from mbnas.network.build import build_network, check_logits
from mbnas.network.cost.complexity import complexity
from mbnas.network.interface import Interface

SLICE = Interface(in_channels=1, num_classes=1, size=32)


def build(text, *, in_channels=1, num_classes=1):
    return build_network(
        parse_architecture(text),
        Interface(in_channels=in_channels, num_classes=num_classes, size=32),
        base_channels=8,
    )


@pytest.mark.parametrize(
    ("name", "parameters", "mmacs_32"),
    [("unet", 18.4e6, 302), ("resunet", 32.5e6, 166)],  # Bosma et al. 2022, Table 1
)
def test_the_costs_of_the_papers_baselines(name, parameters, mmacs_32):
    small = complexity(lambda: build(name), SLICE)
    assert small.parameters == pytest.approx(parameters, rel=0.005)
    assert small.multiply_accumulates == pytest.approx(1e6 * mmacs_32, rel=0.01)
    large = complexity(lambda: build(name), replace(SLICE, size=128))
    assert large.multiply_accumulates == 16 * small.multiply_accumulates


@pytest.mark.parametrize("name", ["unet", "smp:FPN:resnet18", "smp:UnetPlusPlus:mobilenet_v2"])
@pytest.mark.parametrize("size", [32, 48, 50])
def test_any_size_works_forward_and_backward(name, size):
    network = build(name, in_channels=2, num_classes=3)
    logits = network(torch.randn(2, 2, size, size))
    assert logits.shape == (2, 3, size, size)
    logits.square().mean().backward()
    assert all(each.grad is not None for each in network.parameters() if each.requires_grad)


def test_an_encoder_that_computes_while_it_is_built_has_a_cost_too():
    assert complexity(lambda: build("smp:Unet:mit_b0"), SLICE).parameters > 3e6


def test_odd_sizes_only_add_padding():
    network = build("unet", num_classes=2).eval()
    images = torch.randn(1, 1, 48, 40)
    padded = torch.zeros(1, 1, 64, 64)
    padded[..., :48, :40] = images
    with torch.no_grad():
        assert torch.equal(network(images), network.network(padded)[..., :48, :40])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("smp:UNet:vgg13", "has no design 'UNet'; the nearest is Unet."),
        ("smp:Unet:resnet43", "has no encoder 'resnet43'; the nearest is resnet34."),
        ("smp:Unet:vgg13:imagenet-9", "does not build smp:Unet:vgg13:imagenet-9"),
    ],
)
def test_a_name_unknown_to_the_library_is_refused(text, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        build(text)


def test_baselines_pass_the_check_of_logits():
    for architecture in BASELINES.values():
        network = build(str(architecture), num_classes=3)
        check_logits(network, Interface(in_channels=1, num_classes=3, size=32))
