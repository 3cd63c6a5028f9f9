"""A network of the search spaces, which can be drawn, counted and built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mbnas.api.checked_arguments import checked
from mbnas.space.genotype import Genotype

if TYPE_CHECKING:
    import torch

    from mbnas.network.cost.complexity import Complexity


@dataclass(frozen=True, slots=True)
class Network:
    """A network by its text; a notebook draws it.

    >>> import mbnas
    >>> network = mbnas.Network("0vgg3-1dense5-0residual3")
    >>> network.cost(size=64)
    Complexity(parameters=136034, multiply_accumulates=167641088, activations=2372544)
    >>> module = network.build(in_channels=2, num_classes=3)  # a torch.nn.Module

    Attributes:
        text: Nodes joined by dashes: level, block, kernel, and the node of a skip after ``@``.

    Raises:
        GenotypeError: if the text is no network.
    """

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", str(Genotype.parse(self.text)))

    def __str__(self) -> str:
        return self.text

    @property
    def genotype(self) -> Genotype:
        """Its nodes, as values."""
        return Genotype.parse(self.text)

    @checked
    def build(
        self, *, in_channels: int = 1, num_classes: int = 2, base_channels: int = 32
    ) -> torch.nn.Module:
        """Return it as a ``torch.nn.Module`` with random weights.

        It takes a tensor of (batch, channels, height, width) of any size, and returns raw logits
        of (batch, classes, height, width).

        Args:
            in_channels: Channels of the images.
            num_classes: Classes with the background.
            base_channels: Channels at the full resolution; each level below doubles them.

        Raises:
            ConfigurationError: if a block does not exist or cannot have its width.
        """
        from mbnas.network import genotype_network

        return genotype_network.Network(
            self.genotype,
            in_channels=in_channels,
            num_classes=num_classes,
            base_channels=base_channels,
        )

    @checked
    def cost(
        self,
        *,
        size: int = 128,
        in_channels: int = 1,
        num_classes: int = 2,
        base_channels: int = 32,
    ) -> Complexity:
        """Return its parameters and the multiply-accumulates for one slice.

        Args:
            size: Height and width of the slice in pixels.
            in_channels: As for :meth:`build`.
            num_classes: As for :meth:`build`.
            base_channels: As for :meth:`build`.

        Raises:
            ConfigurationError: if a number is below 1, or a block does not exist.
        """
        from mbnas.network.cost.genotype_cost import GenotypeCost
        from mbnas.network.interface import Interface

        interface = Interface(in_channels=in_channels, num_classes=num_classes, size=size)
        return GenotypeCost(interface=interface, base_channels=base_channels)(self.genotype)

    def _repr_svg_(self) -> str:
        """Return the drawing of its nodes as a document, resolution against depth."""
        from mbnas.report.drawings.svg_drawing import draw_network

        return draw_network(self.genotype)

    def _repr_html_(self) -> str:
        """Return the drawing in the colours of the notebook, which those of a document are not."""
        from mbnas.report.drawings.svg_drawing import draw_network

        return draw_network(self.genotype, inline=True)


def network_of(named: Network | Genotype | str) -> Network:
    """Return a network that is given in any of its forms.

    Raises:
        GenotypeError: if a text is no network.
    """
    return named if isinstance(named, Network) else Network(str(named))
