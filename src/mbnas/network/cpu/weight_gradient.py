"""3×3 convolutions whose weight gradient is a sum of matrix products, for processors with AVX2.

Without AVX-512, oneDNN computes weight gradients of channels-last maps at about half the speed of
its other convolutions. Matrix products over all pixels, one for each of the nine shifts, take two
thirds to three quarters of that time.

Shape suffixes: B batch, C channels of the input, K of the output, H height, W width, P pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mbnas.network.cpu.convolution_gradients import gradients_of

SIDE = 3
MIN_CHANNELS = 16
"""With fewer input or output channels the matrices are too narrow to be faster."""

MIN_PRODUCTS = 2**24
"""Multiplications per slice and shift from which the products are faster: a block of 32 channels at
128×128 pixels has that many, and so has every level of a U-Net of 32 base channels."""


def has_slow_weight_gradients() -> bool:
    """Return whether torch uses AVX2 but not AVX-512 on this processor."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def is_same_3x3(convolution: nn.Conv2d) -> bool:
    """Return whether a convolution is 3×3, ungrouped, size-preserving, and has many channels."""
    return (
        convolution.kernel_size == (SIDE, SIDE)
        and convolution.padding == (1, 1)
        and convolution.padding_mode == "zeros"
        and convolution.stride == convolution.dilation == (1, 1)
        and convolution.groups == 1
        and min(convolution.in_channels, convolution.out_channels) >= MIN_CHANNELS
    )


class ProductGradientConv2d(nn.Conv2d):
    """A 3×3 convolution whose weight gradient is a sum of matrix products.

    It may only replace a layer for which :func:`is_same_3x3` is true.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
        """Return the convolved maps."""
        if not self._pays(input):
            return super().forward(input)
        output: Tensor = _ProductGradientConvolution.apply(input, self.weight, self.bias)
        return output

    def _pays(self, maps_BCHW: Tensor) -> bool:
        """Return whether a float32 weight gradient is needed and the products are faster."""
        num_products = self.in_channels * self.out_channels * maps_BCHW[0, 0].numel()
        return (
            self.training
            and torch.is_grad_enabled()
            and self.weight.requires_grad
            and maps_BCHW.device.type == "cpu"
            and maps_BCHW.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and num_products >= MIN_PRODUCTS
        )


class _ProductGradientConvolution(torch.autograd.Function):
    """torch's 3×3 convolution and map gradient, with our weight gradient."""

    @staticmethod
    def forward(ctx: Any, maps_BCHW: Tensor, weight: Tensor, bias_K: Tensor | None) -> Tensor:
        """Return the convolved maps."""
        ctx.save_for_backward(maps_BCHW, weight)
        return torch.conv2d(maps_BCHW, weight, bias_K, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of maps, weight and bias."""
        return gradients_of(ctx, gradients[0], weight_gradient_of, groups=1)


def weight_gradient_of(
    maps_BCHW: Float[Tensor, "batch channels height width"],
    gradient_BKHW: Float[Tensor, "batch out_channels height width"],
) -> Float[Tensor, "out_channels channels 3 3"]:
    """Return the gradient of a 3×3 convolution's weights, in channels-last memory.

    With a border of zeros around a slice and its pixels in one row, the pixels that a weight is
    multiplied with have the same offset from every output pixel. The gradient gets two columns of
    zeros on the right, where that row has border pixels.

    Args:
        maps_BCHW: The convolution's input.
        gradient_BKHW: The gradient of its output.
    """
    _, channels, height, width = maps_BCHW.shape
    padded_width = width + SIDE - 1
    num_pixels = height * padded_width - (SIDE - 1)
    weights = maps_BCHW.new_zeros(SIDE, SIDE, gradient_BKHW.shape[1], channels)
    # One slice at a time, so that it stays in the processor's cache for all nine products.
    for maps_CHW, gradient_KHW in zip(maps_BCHW, gradient_BKHW, strict=True):
        maps_PC = functional.pad(maps_CHW.permute(1, 2, 0), (0, 0, 1, 1, 1, 1)).flatten(0, 1)
        gradient_PK = functional.pad(gradient_KHW.permute(1, 2, 0), (0, 0, 0, 2)).flatten(0, 1)
        gradient_KP = gradient_PK[:num_pixels].t()
        for down in range(SIDE):
            for across in range(SIDE):
                first = down * padded_width + across
                weights[down, across].addmm_(gradient_KP, maps_PC[first : first + num_pixels])
    return weights.permute(2, 3, 0, 1)
