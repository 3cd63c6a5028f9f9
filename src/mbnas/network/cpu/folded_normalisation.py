"""Batch normalisation of few channels, with pixels folded into channels.

torch vectorises the normalisation of channels-last maps over channels. With few channels most of a
vector is empty: with 2 channels torch takes eight to ten times as long as on the folded maps.

Shape suffixes: B batch, C channels, H height, W width, F pixels that share a row.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FEW_CHANNELS = 15
"""Maps of at most this many channels are folded; with 16, torch's layer is about as fast."""

ROW_CHANNELS = 128
"""The most channels in a row of folded pixels: several vectors of any processor."""


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that folds pixels into channels if there are few channels.

    In training, maps of B×H×W pixels of C channels are normalised as B·H·W / F rows of F·C
    channels by torch's kernels, and the statistics of the F parts are combined.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
        """Return the normalised maps."""
        fold = self._fold(input)
        if fold == 1:
            return super().forward(input)
        maps_BCHW = input.contiguous(memory_format=torch.channels_last)
        output: Tensor
        output, mean_C, variance_C = _FoldedNormalisation.apply(
            maps_BCHW, self.weight, self.bias, self.eps, fold
        )
        if self.track_running_stats:
            self._track(mean_C, variance_C, input.numel() // self.num_features)
        return output

    def _fold(self, maps_BCHW: Tensor) -> int:
        """Return how many pixels share a row; 1 if maps are not folded."""
        usable = (
            self.training
            and self.affine
            and self.num_features <= FEW_CHANNELS
            and maps_BCHW.device.type == "cpu"
            and not _is_planar(maps_BCHW)
        )
        if not usable:
            return 1
        largest = 2 ** int(math.log2(ROW_CHANNELS // self.num_features))
        return math.gcd(maps_BCHW.numel() // self.num_features, largest)

    @torch.no_grad()
    def _track(self, mean_C: Tensor, variance_C: Tensor, num_pixels: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:  # a plain average over all batches
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean_C, share)
        self.running_var.lerp_(variance_C * (num_pixels / (num_pixels - 1)), share)


class _FoldedNormalisation(torch.autograd.Function):
    """Normalisation of channels-last maps by the statistics of their batch.

    Source: Ioffe and Szegedy 2015, algorithm 1 and section 3 for its gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, maps_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor, eps: float, fold: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the normalised maps, and the mean and the variance of each channel."""
        rows = _rows(maps_BCHW, fold)
        channels = rows.shape[1]
        # Statistics have the precision of these, also for maps in bfloat16.
        kept = weight_C.new_zeros(channels), weight_C.new_ones(channels)
        mean_FC, variance_FC = (
            each.view(fold, -1) for each in torch.batch_norm_update_stats(rows, *kept, 0.0)
        )
        mean_C = mean_FC.mean(0)
        variance_C = variance_FC.mean(0) + (mean_FC - mean_C).square().mean(0)
        per_channel = (each.repeat(fold) for each in (weight_C, bias_C, mean_C, variance_C))
        # Written into new maps, not returned as a view, so that a ReLU may change it in place.
        output_BCHW = torch.empty_like(maps_BCHW)
        torch.ops.aten.native_batch_norm.out(
            rows,
            *per_channel,
            training=False,
            momentum=0.0,
            eps=eps,
            out=_rows(output_BCHW, fold),
            save_mean=weight_C.new_empty(0),
            save_invstd=weight_C.new_empty(0),
        )
        ctx.save_for_backward(maps_BCHW, weight_C, mean_C, variance_C)
        ctx.eps, ctx.fold = eps, fold
        ctx.mark_non_differentiable(mean_C, variance_C)
        return output_BCHW, mean_C, variance_C

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of maps, weight and bias."""
        maps_BCHW, weight_C, mean_C, variance_C = ctx.saved_tensors
        eps, fold = ctx.eps, ctx.fold
        gradient_BCHW = gradients[0].contiguous(memory_format=torch.channels_last)
        rows, gradient_rows = _rows(maps_BCHW, fold), _rows(gradient_BCHW, fold)
        folded = (each.repeat(fold) for each in (weight_C, mean_C, variance_C))
        # The statistics are treated as constants: two sums over the pixels of each part.
        _, weight_gradient, bias_gradient = torch.ops.aten.native_batch_norm_backward(
            gradient_rows, rows, *folded, None, None, False, eps, [False, True, True]
        )
        weight_gradient_C, bias_gradient_C = (
            each.view(fold, -1).sum(0) for each in (weight_gradient, bias_gradient)
        )
        # weight / deviation * (gradient - mean of gradients - x * mean of gradients * x), with x
        # the normalised maps, grouped by factor.
        num_pixels = maps_BCHW.numel() // maps_BCHW.shape[1]
        inverse_C = (variance_C + eps).rsqrt()
        of_gradient_C = weight_C * inverse_C
        of_maps_C = -of_gradient_C * inverse_C * weight_gradient_C / num_pixels
        constant_C = -of_gradient_C * bias_gradient_C / num_pixels - of_maps_C * mean_C
        matrix = (-1, rows.shape[1])
        result = torch.addcmul(constant_C.repeat(fold), rows.view(matrix), of_maps_C.repeat(fold))
        result.addcmul_(gradient_rows.view(matrix), of_gradient_C.repeat(fold))
        maps_gradient_BCHW = _unfolded(result.to(maps_BCHW.dtype), maps_BCHW)
        return maps_gradient_BCHW, weight_gradient_C, bias_gradient_C, None, None


def _is_planar(maps_BCHW: Tensor) -> bool:
    """Return whether maps are stored channel by channel, for which torch's layer is fast."""
    return maps_BCHW.is_contiguous() and not maps_BCHW.is_contiguous(
        memory_format=torch.channels_last
    )


def _rows(maps_BCHW: Tensor, fold: int) -> Tensor:
    """Return channels-last maps as rows of folded pixels, without a copy: R, F·C, 1, 1."""
    return maps_BCHW.permute(0, 2, 3, 1).reshape(-1, fold * maps_BCHW.shape[1], 1, 1)


def _unfolded(rows: Tensor, like_BCHW: Tensor) -> Tensor:
    """Return rows of folded pixels as maps of the shape of others."""
    batch, channels, height, width = like_BCHW.shape
    return rows.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
