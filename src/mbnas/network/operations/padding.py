"""Inputs of any size for networks that halve them: padding before, cropping after.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def pad_to_multiple(
    images_BCHW: Float[Tensor, "batch channels height width"], multiple: int
) -> Float[Tensor, "batch channels padded_height padded_width"]:
    """Return images padded with zeros at the bottom and right to a multiple of some pixels."""
    height, width = images_BCHW.shape[-2:]
    return functional.pad(images_BCHW, (0, -width % multiple, 0, -height % multiple))


class Padded(nn.Module):
    """A network whose input size must be a multiple of a number, extended to any size.

    Args:
        network: Gives logits at the size of its input.
        multiple: Its input's height and width must be multiples of this, in pixels.
    """

    def __init__(self, network: nn.Module, multiple: int) -> None:
        super().__init__()
        self.network = network
        self.multiple = multiple

    def forward(
        self, images_BCHW: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"]:
        """Return the logits of every class at every pixel."""
        height, width = images_BCHW.shape[-2:]
        logits: Tensor = self.network(pad_to_multiple(images_BCHW, self.multiple))
        return logits[..., :height, :width]
