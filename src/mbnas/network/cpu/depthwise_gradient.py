"""Depthwise convolutions with large kernels whose weight gradient is made of those of 3×3 kernels.

oneDNN has a fast weight gradient of depthwise convolutions of channels-last maps for kernels up to
3×3; for larger ones it takes up to a hundred times as long as the convolution. A weight's gradient
depends only on how far it moves the maps, so that of a large kernel consists of those of 3×3 parts
on moved maps. In bfloat16 this takes a tenth to a half of the time, in float32 a third to nine
tenths.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mbnas.network.cpu.convolution_gradients import convolution_backward, gradients_of

SIDE = 3

CACHE_BYTES = 2**21
"""Bytes of maps that are worked on at a time: they stay in the processor's cache for all parts."""


def is_large_depthwise(convolution: nn.Conv2d) -> bool:
    """Return whether a convolution is depthwise, larger than 3×3 and keeps height and width."""
    side, other = convolution.kernel_size
    return (
        side == other
        and side % 2 == 1
        and side > SIDE
        and convolution.padding == (side // 2, side // 2)
        and convolution.padding_mode == "zeros"
        and convolution.stride == convolution.dilation == (1, 1)
        and convolution.groups == convolution.in_channels == convolution.out_channels
    )


class PartwiseGradientConv2d(nn.Conv2d):
    """A large depthwise convolution whose weight gradient is computed in 3×3 parts.

    It may only replace a layer for which :func:`is_large_depthwise` is true.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
        """Return the convolved maps."""
        if not self._pays(input):
            return super().forward(input)
        weight, bias = self.weight, self.bias
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            input, weight = input.to(dtype), weight.to(dtype)  # noqa: A001
            bias = None if bias is None else bias.to(dtype)
        output: Tensor = _PartwiseGradientConvolution.apply(input, weight, bias)
        return output

    def _pays(self, maps_BCHW: Tensor) -> bool:
        """Return whether a weight gradient is needed, of channels-last maps on the CPU."""
        return (
            self.training
            and torch.is_grad_enabled()
            and self.weight.requires_grad
            and maps_BCHW.device.type == "cpu"
            and maps_BCHW.is_contiguous(memory_format=torch.channels_last)
        )


class _PartwiseGradientConvolution(torch.autograd.Function):
    """torch's depthwise convolution and map gradient, with our weight gradient."""

    @staticmethod
    def forward(ctx: Any, maps_BCHW: Tensor, weight: Tensor, bias_C: Tensor | None) -> Tensor:
        """Return the convolved maps."""
        ctx.save_for_backward(maps_BCHW, weight)
        channels, padding = len(weight), weight.shape[-1] // 2
        return torch.conv2d(maps_BCHW, weight, bias_C, padding=padding, groups=channels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of maps, weight and bias."""
        _, weight = ctx.saved_tensors
        own = partial(depthwise_gradient_of, side=weight.shape[-1])
        return gradients_of(ctx, gradients[0], own, groups=len(weight))


def depthwise_gradient_of(
    maps_BCHW: Float[Tensor, "batch channels height width"],
    gradient_BCHW: Float[Tensor, "batch channels height width"],
    side: int,
) -> Float[Tensor, "channels 1 side side"]:
    """Return the gradient of a depthwise convolution's weights.

    Args:
        maps_BCHW: The convolution's input.
        gradient_BCHW: The gradient of its output.
        side: Of the kernel, odd.
    """
    number = -(-side // SIDE)  # of parts along each side; what they have too much is dropped
    weights = torch.zeros(maps_BCHW.shape[1], 1, SIDE * number, SIDE * number)
    weights = weights.to(torch.promote_types(maps_BCHW.dtype, torch.float32))
    slices = max(1, CACHE_BYTES // (maps_BCHW[0].numel() * maps_BCHW.element_size()))
    chunks = torch.split(maps_BCHW, slices), torch.split(gradient_BCHW, slices)
    for maps, gradient in zip(*chunks, strict=True):
        _add_parts(weights, maps, gradient, side // 2)
    return weights[..., :side, :side].to(maps_BCHW.dtype)


def _add_parts(weights: Tensor, maps_BCHW: Tensor, gradient_BCHW: Tensor, before: int) -> None:
    """Add the gradient of some slices; maps have ``before`` more pixels than it at the top left."""
    height, width = (each + SIDE - 1 for each in maps_BCHW.shape[-2:])
    covered = weights.shape[-1]
    after = covered - 1 - before
    padded_BCHW = functional.pad(maps_BCHW, (before, after, before, after))
    part = maps_BCHW.new_empty(len(weights), 1, SIDE, SIDE)
    for down in range(0, covered, SIDE):
        for across in range(0, covered, SIDE):
            moved_BCHW = padded_BCHW[..., down : down + height, across : across + width]
            moved_BCHW = moved_BCHW.contiguous(memory_format=torch.channels_last)
            _, gradient = convolution_backward(
                gradient_BCHW,
                moved_BCHW,
                part,
                padding=0,
                groups=len(weights),
                wanted=(False, True),
            )
            assert gradient is not None  # it is wanted
            weights[..., down : down + SIDE, across : across + SIDE] += gradient
