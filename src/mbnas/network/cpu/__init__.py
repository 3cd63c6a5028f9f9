"""Layers that train faster on CPUs and give the same values as torch's, except for rounding."""

from __future__ import annotations

from torch import nn

from mbnas.network.cpu.depthwise_gradient import PartwiseGradientConv2d, is_large_depthwise
from mbnas.network.cpu.folded_normalisation import FoldedBatchNorm2d
from mbnas.network.cpu.neighbour_mean import NeighbourMean, is_neighbour_mean
from mbnas.network.cpu.weight_gradient import (
    ProductGradientConv2d,
    has_slow_weight_gradients,
    is_same_3x3,
)

ONEDNN_DILATION = (2, 2)
"""A dilation at which torch always uses oneDNN. It does not change a 1×1 convolution; without it
and with one thread, torch's own code takes two to four times as long."""


def with_cpu_layers(network: nn.Module) -> nn.Module:
    """Replace layers of a network by those of this package; return the network.

    Parameters, buffers and their names stay; outputs change only by rounding.

    Args:
        network: On the CPU. Instances of subclasses of torch's layers are not replaced.
    """
    slow_gradients = has_slow_weight_gradients()
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                _replace(module, name, FoldedBatchNorm2d(1))
            elif type(child) is nn.AvgPool2d and is_neighbour_mean(child):
                _replace(module, name, NeighbourMean(3))
            elif type(child) is nn.Conv2d and child.kernel_size == (1, 1):
                child.dilation = ONEDNN_DILATION
            elif type(child) is nn.Conv2d and is_large_depthwise(child):
                _replace(module, name, PartwiseGradientConv2d(1, 1, 1))
            elif type(child) is nn.Conv2d and slow_gradients and is_same_3x3(child):
                _replace(module, name, ProductGradientConv2d(1, 1, 1))
    return network


def _replace(parent: nn.Module, name: str, other: nn.Module) -> None:
    """Replace a child by another layer, which gets the child's attributes."""
    other.__dict__.update(parent.get_submodule(name).__dict__)
    parent.add_module(name, other)


__all__ = ["with_cpu_layers"]
