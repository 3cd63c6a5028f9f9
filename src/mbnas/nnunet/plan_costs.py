"""Costs of networks as nnU-Net builds them: parameters, multiply-accumulates, latency."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import nn

from mbnas.network.cost.complexity import complexity, latency_ms
from mbnas.network.interface import Interface
from mbnas.nnunet.plans import CONFIGURATION, Plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The costs of a network that predicts without deep supervision.

    Attributes:
        parameters: Number of parameters, including those of logits at lower resolutions.
        macs: Multiply-accumulates for one square slice.
        macs_32: The same for 32×32 pixels; ``None`` if the network cannot take that size.
        latency_ms: Milliseconds for one slice, in float32, from the fastest of several groups.
    """

    parameters: int
    macs: int
    macs_32: int | None
    latency_ms: float


def build_from_plans(plans: Plans, interface: Interface) -> nn.Module:
    """Return the network that nnU-Net builds from plans, without deep supervision."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    architecture = plans["configurations"][CONFIGURATION]["architecture"]
    network: nn.Module = get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        interface.in_channels,
        interface.num_classes,
        allow_init=False,  # the meta device has no values to initialise
        deep_supervision=False,
    )
    return network


def common_size(plans: Plans, size: int) -> int:
    """Return the smallest side of at least ``size`` that nnU-Net's network can take.

    It must be divisible by the strides, with two pixels or more at the lowest resolution.
    """
    multiple = size_multiple(plans)
    return max(2, -(-size // multiple)) * multiple


def costs_of(plans: Plans, interface: Interface, *, also_32: bool, device: str) -> Costs:
    """Return the costs of the network in some plans.

    Args:
        plans: The plans with the network.
        interface: What the network fits; the size as :func:`common_size` gives it.
        also_32: Whether all compared networks can take 32×32 pixels.
        device: Where latency is measured, as torch names it.
    """

    def build() -> nn.Module:
        return build_from_plans(plans, interface)

    found = complexity(build, interface)
    at_32 = complexity(build, replace(interface, size=32)) if also_32 else None
    return Costs(
        parameters=found.parameters,
        macs=found.multiply_accumulates,
        macs_32=None if at_32 is None else at_32.multiply_accumulates,
        latency_ms=latency_ms(build(), interface, device=device),
    )


def size_multiple(plans: Plans) -> int:
    """Return the number that the sides of an input must be multiples of."""
    strides = plans["configurations"][CONFIGURATION]["architecture"]["arch_kwargs"]["strides"]
    return math.lcm(*(math.prod(side) for side in zip(*strides, strict=True)))
