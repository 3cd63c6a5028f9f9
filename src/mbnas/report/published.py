"""The paper's Table 1, as far as it is known here, to stand beside a new one.

What is ``None`` is not known here and is shown as a dash: it is to be filled in from the
paper, never estimated. Costs are for an input of 32 by 32 pixels, as the paper gives them.

Source: Bosma et al. 2022 (arXiv 2202.11401), table 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = "Bosma et al. 2022, arXiv 2202.11401, Table 1"
FOOTNOTE = (
    f"Published: {SOURCE}. A dash there is a number that this version of mbnas does not hold: it "
    "is to be filled in from the paper."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One network of the paper's table.

    Attributes:
        dice_percent: Mean Dice similarity coefficient in per cent, or ``None``.
        parameters: Number of weights, or ``None``.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels, or ``None``.
    """

    dice_percent: float | None = None
    parameters: int | None = None
    macs_32: int | None = None


_UNET = PublishedRow(parameters=18_400_000, macs_32=302_000_000)
_RESUNET = PublishedRow(parameters=32_500_000, macs_32=166_000_000)
_FOUND = dict.fromkeys(("mixed", "macro", "micro", "bilevel"), PublishedRow())

PUBLISHED: Mapping[str, Mapping[str, PublishedRow]] = {
    "prostate": {**_FOUND, "unet": _UNET, "resunet": _RESUNET},
    "spleen": {**_FOUND, "unet": _UNET, "resunet": _RESUNET},
}
"""By dataset, then by the name of the space that a network was found in, or of the baseline."""
