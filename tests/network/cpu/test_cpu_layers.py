"""Layers for CPUs against torch's: values, gradients and statistics, in float64."""

import copy

import pytest
import torch
from torch import nn

from mbnas.network import cpu
from mbnas.network.build import build_network
from mbnas.network.cpu import with_cpu_layers
from mbnas.network.cpu.depthwise_gradient import (
    CACHE_BYTES,
    PartwiseGradientConv2d,
    depthwise_gradient_of,
)
from mbnas.network.cpu.folded_normalisation import FoldedBatchNorm2d
from mbnas.network.cpu.neighbour_mean import NeighbourMean
from mbnas.network.cpu.weight_gradient import (
    ProductGradientConv2d,
    has_slow_weight_gradients,
    weight_gradient_of,
)
from mbnas.network.interface import Interface
from mbnas.network.operations.memory_layout import channels_last
from mbnas.space.genotype import Genotype, unet_genotype


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


def maps_of(*shape, dtype=torch.float64):
    return channels_last(torch.randn(*shape, dtype=dtype) * 3 + 1)


def trained(layer, maps, weights):
    """Return output and gradients of a layer after one step forward and back."""
    maps = maps.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    output = layer(maps)
    (output * weights).sum().backward()
    return [output.detach(), maps.grad, *(each.grad for each in layer.parameters())]


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize(
    "shape", [(2, 2, 16, 16), (8, 3, 6, 6), (1, 4, 5, 7), (3, 8, 9, 1), (2, 15, 4, 4)]
)
def test_folded_normalisation_equals_that_of_torch(shape, momentum):
    plain = nn.BatchNorm2d(shape[1], momentum=momentum, dtype=torch.float64)
    nn.init.uniform_(plain.weight, 0.5, 2)
    nn.init.normal_(plain.bias)
    parent = with_cpu_layers(nn.Sequential(copy.deepcopy(plain)))
    assert type(parent[0]) is FoldedBatchNorm2d
    for _ in range(3):  # running statistics go on from what they were
        maps, weights = maps_of(*shape), maps_of(*shape)
        expected, found = (trained(each, maps, weights) for each in (plain, parent))
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(dict(parent[0].named_buffers()), dict(plain.named_buffers()))
        plain.zero_grad()
        parent.zero_grad()
    torch.testing.assert_close(parent.eval()(maps), plain.eval()(maps))


def test_folded_normalisation_in_bfloat16_is_as_accurate_as_that_of_torch():
    maps, weights = (maps_of(4, 4, 32, 32, dtype=torch.bfloat16) for _ in range(2))
    plain = nn.BatchNorm2d(4)
    exact = trained(copy.deepcopy(plain).double(), maps.double(), weights.double())
    by_torch = trained(copy.deepcopy(plain), maps, weights)
    by_us = trained(with_cpu_layers(nn.Sequential(plain)), maps, weights)
    assert by_us[0].dtype == by_us[1].dtype == torch.bfloat16
    for ours, theirs, true in zip(by_us, by_torch, exact, strict=True):
        allowed = 1.1 * (theirs - true).abs().max() + 2**-9 * true.abs().max()
        assert (ours - true).abs().max() <= allowed


def test_a_layer_after_a_folded_normalisation_may_work_in_place():
    layers = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(inplace=True)).double()
    maps, weights = maps_of(2, 2, 8, 8), maps_of(2, 2, 8, 8)
    expected = trained(copy.deepcopy(layers), maps, weights)
    torch.testing.assert_close(trained(with_cpu_layers(layers), maps, weights), expected)


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (1, 15, 2, 5), (2, 3, 1, 6), (1, 1, 1, 1)])
def test_a_neighbour_mean_equals_the_pooling_of_torch(shape):
    plain = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    parent = with_cpu_layers(nn.Sequential(plain))
    assert type(parent[0]) is NeighbourMean
    maps, weights = maps_of(*shape), maps_of(*shape)
    torch.testing.assert_close(trained(parent, maps, weights), trained(plain, maps, weights))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 7), (1, 1, 2, 1, 1), (3, 4, 4, 8, 2)])
def test_the_weight_gradient_by_products_equals_that_of_torch(shape):
    batch, channels, out_channels, height, width = shape
    maps = maps_of(batch, channels, height, width)
    gradient = maps_of(batch, out_channels, height, width)
    weight = torch.randn(out_channels, channels, 3, 3, dtype=torch.float64)
    expected = nn.grad.conv2d_weight(maps, weight.shape, gradient, padding=1)
    torch.testing.assert_close(weight_gradient_of(maps, gradient), expected)


def test_a_convolution_by_products_equals_that_of_torch(monkeypatch):
    monkeypatch.setattr(cpu, "has_slow_weight_gradients", lambda: True)
    plain = nn.Conv2d(32, 32, 3, padding=1).to(memory_format=torch.channels_last)
    parent = with_cpu_layers(nn.Sequential(copy.deepcopy(plain)))
    assert type(parent[0]) is ProductGradientConv2d
    maps, weights = (maps_of(1, 32, 128, 128, dtype=torch.float32) for _ in range(2))
    assert parent[0]._pays(maps)
    exact = trained(copy.deepcopy(plain).double(), maps.double(), weights.double())
    for found, true in zip(trained(parent, maps, weights), exact, strict=True):
        assert (found - true).abs().max() <= 1e-5 * true.abs().max()


@pytest.mark.parametrize("side", [5, 7, 9, 11])
@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 1, 1, 1), (3, 16, 12, 2)])
def test_the_weight_gradient_by_parts_equals_that_of_torch(shape, side):
    maps, gradient = maps_of(*shape), maps_of(*shape)
    size = (shape[1], 1, side, side)
    expected = nn.grad.conv2d_weight(maps, size, gradient, padding=side // 2, groups=shape[1])
    torch.testing.assert_close(depthwise_gradient_of(maps, gradient, side), expected)


def test_parts_of_several_chunks_are_added():
    maps, gradient = maps_of(5, 64, 64, 32), maps_of(5, 64, 64, 32)
    assert maps.numel() * maps.element_size() > 2 * CACHE_BYTES
    expected = nn.grad.conv2d_weight(maps, (64, 1, 5, 5), gradient, padding=2, groups=64)
    torch.testing.assert_close(depthwise_gradient_of(maps, gradient, 5), expected)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_large_depthwise_convolution_equals_that_of_torch(bias, bfloat16):
    plain = nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=bias)
    plain = plain.to(memory_format=torch.channels_last)
    parent = with_cpu_layers(nn.Sequential(copy.deepcopy(plain)))
    assert type(parent[0]) is PartwiseGradientConv2d
    maps, weights = (maps_of(3, 16, 24, 20, dtype=torch.float32) for _ in range(2))
    assert parent[0]._pays(maps)
    exact = trained(copy.deepcopy(plain).double(), maps.double(), weights.double())
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        by_us, by_torch = trained(parent, maps, weights), trained(plain, maps, weights)
    for ours, theirs, true in zip(by_us, by_torch, exact, strict=True):
        assert ours.dtype == theirs.dtype
        assert (ours - true).abs().max() <= (2e-2 if bfloat16 else 1e-5) * true.abs().max()
    torch.testing.assert_close(parent.eval()(maps), plain.eval()(maps))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(16, 16, 3),  # without padding
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.Conv2d(16, 16, 3, padding=1, groups=2),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),  # torch's gradient is fast
        nn.Conv2d(16, 16, 5, padding=2, groups=8),
        nn.Conv2d(16, 32, 5, padding=2, groups=16),
        nn.Conv2d(16, 16, 5, groups=16),
        nn.Conv2d(16, 16, (5, 7), padding=(2, 3), groups=16),
        nn.Conv2d(16, 16, 3, padding="same"),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.Conv2d(16, 16, 5, padding=2),
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, stride=1, padding=1),  # counts what lies outside
        nn.SyncBatchNorm(4),
    ],
    ids=str,
)
def test_other_layers_are_not_replaced(layer, monkeypatch):
    monkeypatch.setattr(cpu, "has_slow_weight_gradients", lambda: True)
    assert with_cpu_layers(nn.Sequential(layer))[0] is layer


GENOTYPES = {
    "unet": unet_genotype(),
    "mixed": Genotype.parse("0inception3-1dense5-2inception7-1residual3-0vgg3@2"),
    "newer": Genotype.parse("0mbconv7-1mbconv1-1convnext5-0seresidual5-0convnext3-0attention3"),
}


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("name", GENOTYPES)
def test_a_network_computes_and_learns_as_before(name, slow, monkeypatch):
    monkeypatch.setattr(cpu, "has_slow_weight_gradients", lambda: slow)
    plain = build_network(
        GENOTYPES[name], Interface(in_channels=1, num_classes=3, size=16), base_channels=8
    )
    plain = plain.double().to(memory_format=torch.channels_last)
    other = with_cpu_layers(copy.deepcopy(plain))
    assert list(other.state_dict()) == list(plain.state_dict())
    maps, weights = maps_of(2, 1, 32, 32), maps_of(2, 3, 32, 32)
    expected, found = (trained(each, maps, weights) for each in (plain, other))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
    other.load_state_dict(plain.state_dict())


def test_slow_gradients_are_those_of_avx2():
    assert has_slow_weight_gradients() == (torch.backends.cpu.get_cpu_capability() == "AVX2")
