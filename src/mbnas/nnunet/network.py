"""The network of a genotype as nnU-Net builds it from plans, with optional deep supervision.

nnU-Net finds :class:`NNUNetNetwork` by its import path in a plans file and calls it with
``input_channels``, ``num_classes``, ``deep_supervision`` and the arguments in the plans. It
switches deep supervision by ``network.decoder.deep_supervision``; weights have the same
names with and without it.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype

CLASS_NAME = "mbnas.nnunet.network.NNUNetNetwork"
"""Import path of the class, as in plans."""


class SupervisedResolutions(nn.Module):
    """Logits at lower resolutions: a 1×1 convolution on the last cell of each resolution.

    That cell is in the expanding path if there is one. For a resolution without cells, the cell
    of the nearest resolution is used, the finer of two, and its logits are resampled.

    Args:
        genotype: The genotype of the cells.
        num_classes: Channels of the logits.
        base_channels: Channels at level 0.
        strides: Strides of each stage of the plans, as (height, width). The first is that of the
            input; the last is not supervised, as in nnU-Net.
        deep_supervision: Whether the network returns these logits too.
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        num_classes: int,
        base_channels: int,
        strides: Sequence[Sequence[int]],
        deep_supervision: bool,
    ) -> None:
        super().__init__()
        self.deep_supervision = deep_supervision
        self.divisors = tuple(
            (
                math.prod(down for down, _ in strides[:stage]),
                math.prod(w for _, w in strides[:stage]),
            )
            for stage in range(2, len(strides))
        )
        levels = [node.level for node in genotype.nodes]
        self.sources = tuple(
            _last_at(levels, math.log2(math.prod(divisor)) / 2) for divisor in self.divisors
        )
        self.levels = tuple(levels[source] for source in self.sources)
        self.heads = nn.ModuleList(
            nn.Conv2d(base_channels * 2**level, num_classes, 1) for level in self.levels
        )

    def forward(self, outputs: list[Tensor], height: int, width: int) -> list[Tensor]:
        """Return logits at every lower resolution, the highest first.

        Args:
            outputs: Outputs of all cells.
            height: Height of the image before padding, in pixels.
            width: Width of the image before padding, in pixels.
        """
        made = []
        for head, source, level, (down, across) in zip(
            self.heads, self.sources, self.levels, self.divisors, strict=True
        ):
            # rounded as in nnU-Net's downscaling of references
            size = (round(height * (1 / down)), round(width * (1 / across)))
            logits = head(outputs[source])[
                ..., : math.ceil(height / 2**level), : math.ceil(width / 2**level)
            ]
            if logits.shape[-2:] != size:
                logits = functional.interpolate(
                    logits, size=size, mode="bilinear", align_corners=False
                )
            made.append(logits)
        return made


class NNUNetNetwork(nn.Module):
    """The network of a genotype with nnU-Net's calling convention.

    Args:
        input_channels: Channels of the images.
        num_classes: Channels of the logits.
        deep_supervision: Whether the output is a list of logits, the highest resolution first,
            rather than only those of the highest.
        genotype: The genotype's text.
        base_channels: Channels at level 0.
        strides: Strides of each stage, as in the plans of nnU-Net's own network. All resolutions
            except the last are supervised.

    Raises:
        GenotypeError: if the text is not a genotype.
        ConfigurationError: if a number is below 1 or a block does not support its width.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        deep_supervision: bool = False,
        *,
        genotype: str,
        base_channels: int,
        strides: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        parsed = Genotype.parse(genotype)
        self.network = Network(
            parsed, in_channels=input_channels, num_classes=num_classes, base_channels=base_channels
        )
        self.decoder = SupervisedResolutions(
            parsed,
            num_classes=num_classes,
            base_channels=base_channels,
            strides=strides,
            deep_supervision=deep_supervision,
        )

    def forward(
        self, images_BCHW: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"] | list[Tensor]:
        """Return logits at the images' size, in a list with lower resolutions if supervised there.

        Args:
            images_BCHW: Images of any height and width.
        """
        if not self.decoder.deep_supervision:
            full: Tensor = self.network(images_BCHW)
            return full
        height, width = images_BCHW.shape[-2:]
        outputs = self.network.cell_outputs(images_BCHW)
        logits = self.network.logits(outputs[-1])
        return [logits[..., :height, :width], *self.decoder(outputs, height, width)]


def _last_at(levels: Sequence[int], wanted: float) -> int:
    """Return the index of the last node at the level nearest to ``wanted``, the finer of two.

    >>> _last_at([0, 1, 2, 1, 0], 1.0), _last_at([0, 1, 2, 1, 0], 4.0)
    (3, 2)
    """
    nearest = min(sorted(set(levels)), key=lambda level: abs(level - wanted))
    return max(number for number, level in enumerate(levels) if level == nearest)
