"""Named sets of settings of a space that is wider than the paper's.

A preset is written to ``study.toml`` as the settings it stands for, so a study keeps its space even
if a later version changes the preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mbnas.space.four_spaces import SPACE_NAMES

SPACE_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "modern": {
        "name": "mixed",
        "blocks": [
            "vgg",
            "residual",
            "dense",
            "inception",
            "convnext",
            "seresidual",
            "mbconv",
        ],
        "block_levels": [],
        "expansions": [],
    }
}
"""``modern`` adds the blocks of later networks to the paper's. Attention is left out: in random
networks on two datasets it was on no front of Dice and cost
(``benchmarks/results/modern-blocks-2026-11-29.md``)."""

SPACES: tuple[str, ...] = (*SPACE_NAMES, *SPACE_PRESETS)
"""What a user may name: the paper's spaces and the presets."""


def space_layer(name: str) -> dict[str, Any]:
    """Return the settings that the name of a space or of a preset stands for.

    >>> space_layer("macro")
    {'space': {'name': 'macro'}}

    Args:
        name: One of :data:`SPACES`.
    """
    return {"space": dict(SPACE_PRESETS.get(name, {"name": name}))}
