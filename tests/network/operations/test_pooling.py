"""Average pooling against torch's, forward and backward."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mbnas.network.architecture import LibraryNetwork
from mbnas.network.interface import Interface
from mbnas.network.operations.pooling import AveragePooling, averaged, replace_pooling
from mbnas.network.others.library_network import build_library_network, smp

INTERFACE = Interface(in_channels=1, num_classes=2, size=64)
SIZES = [(1, 1, 1, 1), (7, 9, 2, 3), (8, 8, 6, 6), (5, 3, 6, 6), (12, 12, 3, 3), (4, 11, 1, 4)]


@pytest.mark.parametrize(("height", "width", "down", "across"), SIZES)
def test_averages_are_those_of_torch(height, width, down, across):
    maps = torch.randn(2, 3, height, width, dtype=torch.float64, requires_grad=True)
    expected = functional.adaptive_avg_pool2d(maps, (down, across))
    found = averaged(maps, down, across)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    (by_torch,) = torch.autograd.grad((expected * weights).sum(), maps)
    (by_us,) = torch.autograd.grad((found * weights).sum(), maps)
    torch.testing.assert_close(by_us, by_torch)


def test_half_precision_averages_in_float32():
    maps = torch.randn(2, 3, 40, 40).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = averaged(maps, 3, 3)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, functional.adaptive_avg_pool2d(maps.float(), 3).bfloat16())


def test_only_pooling_to_more_than_a_pixel_is_replaced():
    network = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Sequential(nn.AdaptiveAvgPool2d((2, 3))),
        nn.AdaptiveAvgPool2d((None, 2)),
    )
    replace_pooling(network)
    assert isinstance(network[0], nn.AdaptiveAvgPool2d)
    assert (network[1][0].height, network[1][0].width) == (2, 3)
    assert isinstance(network[2], nn.AdaptiveAvgPool2d)


@pytest.mark.parametrize("design", ["PSPNet", "UPerNet"])
def test_designs_with_pooling_give_the_logits_of_the_library(design):
    torch.manual_seed(0)
    padded = build_library_network(
        LibraryNetwork(design=design, encoder="resnet18"), INTERFACE
    ).eval()
    assert any(isinstance(each, AveragePooling) for each in padded.modules())
    own = getattr(smp, design)("resnet18", encoder_weights=None, in_channels=1, classes=2).eval()
    own.load_state_dict(padded.network.state_dict())
    images = torch.randn(2, 1, 64, 64)
    assert torch.equal(padded(images), own(images))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.usefixtures("deterministic")
def test_a_design_that_pools_trains_on_a_gpu():
    network = build_library_network(
        LibraryNetwork(design="PSPNet", encoder="resnet18"), INTERFACE
    ).cuda()
    network(torch.randn(2, 1, 64, 64, device="cuda")).sum().backward()
