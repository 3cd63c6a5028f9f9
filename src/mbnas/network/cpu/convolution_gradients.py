"""The gradients of a convolution that keeps height and width, with a weight gradient of our own.

Shape suffixes: B batch, C channels of the input, K of the output, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

WeightGradient = Callable[[Tensor, Tensor], Tensor]
"""Returns the gradient of the weights from the input and the gradient of the output."""


def gradients_of(
    ctx: Any,
    gradient_BKHW: Float[Tensor, "batch out_channels height width"],
    weight_gradient: WeightGradient,
    *,
    groups: int,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of maps, weight and bias that a backward pass needs.

    Args:
        ctx: Of an autograd function that saved maps and weight.
        gradient_BKHW: The gradient of its output.
        weight_gradient: Ours.
        groups: Of the convolution.
    """
    gradient_BKHW = gradient_BKHW.contiguous(memory_format=torch.channels_last)
    maps_BCHW, weight = ctx.saved_tensors
    needs_maps, needs_weight, needs_bias = ctx.needs_input_grad
    maps_gradient = bias_gradient = own_gradient = None
    if needs_maps:
        maps_gradient, _ = convolution_backward(
            gradient_BKHW,
            maps_BCHW,
            weight,
            padding=weight.shape[-1] // 2,
            groups=groups,
            wanted=(True, False),
        )
    if needs_weight:
        own_gradient = weight_gradient(maps_BCHW, gradient_BKHW)
    if needs_bias:
        bias_gradient = gradient_BKHW.sum(dim=(0, 2, 3))
    return maps_gradient, own_gradient, bias_gradient


def convolution_backward(
    gradient_BKHW: Float[Tensor, "batch out_channels height width"],
    maps_BCHW: Float[Tensor, "batch channels down across"],
    weight: Float[Tensor, "out_channels in_group side side"],
    *,
    padding: int,
    groups: int,
    wanted: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Return torch's own gradients of the maps and the weight of a convolution of stride 1.

    Args:
        gradient_BKHW: The gradient of its output.
        maps_BCHW: Its input.
        weight: Its weights.
        padding: Zeros on each side of the maps.
        groups: Of its channels.
        wanted: Whether the gradient of the maps, and that of the weight, is computed.
    """
    geometry = ([1, 1], [padding, padding], [1, 1], False, [0, 0], groups)
    of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient_BKHW, maps_BCHW, weight, None, *geometry, [*wanted, False]
    )
    return of_maps, of_weight
