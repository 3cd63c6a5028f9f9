"""What a network must fit: the channels it reads, the classes it predicts, the size of a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The shapes of a network's input and output.

    Attributes:
        in_channels: Channels of the input, 1 or more: those of the image, and of each neighbouring
            slice if there are any.
        num_classes: Channels of the logits, 1 or more: classes with the background, or regions.
        size: Height and width of a slice in pixels, 1 or more.

    Raises:
        ConfigurationError: if a number is below 1.
    """

    in_channels: int
    num_classes: int
    size: int

    def __post_init__(self) -> None:
        for name in ("in_channels", "num_classes", "size"):
            if (value := getattr(self, name)) < 1:
                raise ConfigurationError(f"{name} (={value}) must be 1 or more.")

    @classmethod
    def of(cls, channels: Sequence[object], num_outputs: int, size: int) -> Interface:
        """Return the interface for images whose channels are listed.

        >>> Interface.of(["T2", "ADC"], 2, 64)
        Interface(in_channels=2, num_classes=2, size=64)

        Args:
            channels: The input channels.
            num_outputs: Channels of the logits.
            size: Height and width of a slice in pixels.
        """
        return cls(in_channels=len(channels), num_classes=num_outputs, size=size)
