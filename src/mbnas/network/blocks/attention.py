"""The attention block: pixels of a window look at one another.

Shape suffixes: B batch, V windows of a map, N pixels of a window, C channels, E heads.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.image_extent import Extent, ExtentBlock
from mbnas.network.blocks.pixel_perceptron import PixelPerceptron, maps_of, pixels_of, projection
from mbnas.network.blocks.windows import copied, cut_windows, image_in_windows, join_windows

HEAD_CHANNELS = 32
"""Channels of an attention head, where they divide the block's."""

MLP_EXPANSION = 4


class AttentionBlock(ExtentBlock):
    """Two transformer layers: attention in windows, then in windows shifted by half their side.

    Where the channels differ, the input passes a 1×1 convolution first. Only image is looked at.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the windows in pixels. With 1 there is no shift.

    Source: Liu et al. 2021 (Swin Transformer), section 3.2.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.projection = projection(in_channels, out_channels)
        # Half a window before the maps, rounded down: seldom needs more windows than none.
        self.layers = nn.ModuleList(
            TransformerLayer(out_channels, kernel, offset) for offset in (0, kernel // 2)
        )

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"], extent: Extent | None = None
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps; ``extent`` is the part of ``maps`` that is image."""
        pixels = pixels_of(self.projection(maps))
        for layer in self.layers:
            pixels = layer(pixels, extent)
        return maps_of(pixels)


class TransformerLayer(nn.Module):
    """Attention and a perceptron, each added to its input and with normalisation before it.

    Args:
        channels: Channels of input and output.
        window: Side of the windows in pixels.
        offset: Rows and columns before the maps at which the first window begins.
    """

    def __init__(self, channels: int, window: int, offset: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, window, offset)
        self.perceptron = PixelPerceptron(channels, MLP_EXPANSION)

    def forward(
        self, pixels: Float[Tensor, "batch height width channels"], extent: Extent | None
    ) -> Float[Tensor, "batch height width channels"]:
        """Return the layer's features of every pixel."""
        pixels = pixels + self.attention(self.norm(pixels), extent)
        output: Tensor = pixels + self.perceptron(pixels)
        return output


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows, with a bias for each relative position.

    Products and softmax are explicit: fused kernels are not deterministic on every device.

    Args:
        channels: Channels of input and output.
        window: Side of the windows in pixels.
        offset: Rows and columns before the maps at which the first window begins.

    Source: Liu et al. 2021, equations 1 to 4, and appendix A for the bias's first values.
    """

    def __init__(self, channels: int, window: int, offset: int) -> None:
        super().__init__()
        self.window = window
        self.offset = offset
        self.heads = num_heads(channels)
        self.inputs = nn.Linear(channels, 3 * channels)
        self.positions = nn.Parameter(torch.empty(self.heads, 2 * window - 1, 2 * window - 1))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.output = nn.Linear(channels, channels)

    def forward(
        self, pixels: Float[Tensor, "batch height width channels"], extent: Extent | None
    ) -> Float[Tensor, "batch height width channels"]:
        """Return what every pixel takes from its window."""
        batch, height, width, _ = pixels.shape
        size = (height, width)
        windows_BVNC = cut_windows(pixels, self.window, self.offset)
        query, key, value = self._of_heads(self.inputs(windows_BVNC))
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        logits_BVENN = logits.reshape(batch, -1, self.heads, *logits.shape[1:])
        bias = self._bias(size, extent, logits.dtype)
        weights = (logits_BVENN + bias).softmax(dim=-1).reshape(logits.shape)
        seen = (weights @ value).reshape(-1, self.heads, *value.shape[1:])
        seen_BVNC = copied(seen.transpose(1, 2)).reshape(windows_BVNC.shape)
        return join_windows(self.output(seen_BVNC), self.window, self.offset, size)

    def _of_heads(self, inputs_BVNC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, their first dimension all heads of all windows."""
        _, _, pixels, channels = inputs_BVNC.shape
        head = channels // (3 * self.heads)
        split = inputs_BVNC.reshape(-1, pixels, 3, self.heads, head).permute(2, 0, 3, 1, 4)
        query, key, value = copied(split).reshape(3, -1, pixels, head).unbind()
        return query, key, value

    def _bias(self, size: Extent, extent: Extent | None, dtype: torch.dtype) -> Tensor:
        """Return what is added to the logits: E, N, N, or V, E, N, N where some are masked."""
        side = self.window
        # Entry (y, x) of a window and (y', x') of the flipped one are at y + y', x + x'.
        bias = self.positions.unfold(1, side, 1).unfold(2, side, 1).flip(3, 4)
        bias_ENN = bias.reshape(self.heads, side * side, side * side).to(dtype)
        image_VN = image_in_windows(side, self.offset, size, extent, bias.device)
        if image_VN is None:
            return bias_ENN
        # Finite: a window outside the image has no pixel to look at, and must not become NaN.
        masked = torch.finfo(dtype).min / 2
        return torch.where(image_VN[:, None, None], bias_ENN, masked)

    def extra_repr(self) -> str:
        """Return what the parameters' shapes do not tell, for the module's text."""
        return f"heads={self.heads}, window={self.window}, offset={self.offset}"


def num_heads(channels: int) -> int:
    """Return the most heads of :data:`HEAD_CHANNELS` or more that divide channels, 1 or more.

    >>> num_heads(128), num_heads(100), num_heads(7)
    (4, 2, 1)
    """
    most = max(1, channels // HEAD_CHANNELS)
    return next(heads for heads in range(most, 0, -1) if channels % heads == 0)
