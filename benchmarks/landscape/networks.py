"""The networks of the landscape, in the order in which they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest

import numpy as np

from mbnas.seeds import generator
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SEED = 2022
NUM_UNIFORM, NUM_NEAR = 75, 75
NUM_MODERN = 75
PAPER_BLOCKS = ("vgg", "residual", "dense", "inception")
LATER_BLOCKS = ("convnext", "seresidual", "mbconv", "attention")
MOST_CHANGES = 3
"""Genes of the U-Net that are changed, at most, one after the other."""


def networks_of(space: str) -> dict[Genotype, str]:
    """Return the networks of a landscape, each with how it was drawn.

    Args:
        space: ``mixed`` for the paper's space, ``modern`` for the wider one.
    """
    return landscape_networks() if space == "mixed" else modern_networks()


def modern_space() -> Space:
    """Return the space of all blocks of mbnas, with attention at deep levels only."""
    blocks = (*PAPER_BLOCKS, *LATER_BLOCKS)
    return SpaceSettings(blocks=blocks, block_levels=("attention:2-4",)).searched


def modern_networks() -> dict[Genotype, str]:
    """Return the U-Net and uniform draws of the modern space."""
    space = modern_space()
    rng = generator(SEED, "modern landscape")
    drawn = _distinct(iter(lambda: space.sample(rng), None), NUM_MODERN)
    return {unet_genotype(): "unet"} | dict.fromkeys(drawn, "uniform")


def landscape_networks() -> dict[Genotype, str]:
    """Return the networks, each with how it was drawn: ``unet``, ``uniform`` or ``near``.

    The two kinds take turns, so that any first part of the list has both.
    """
    space = Space()
    rng = generator(SEED, "landscape")
    uniform = _distinct(iter(lambda: space.sample(rng), None), NUM_UNIFORM)
    near = _distinct(iter(lambda: _near(space, rng), None), NUM_NEAR)
    pairs = zip_longest(((each, "near") for each in near), ((each, "uniform") for each in uniform))
    drawn = (each for each in chain.from_iterable(pairs) if each is not None)
    return {unet_genotype(): "unet"} | dict(drawn)


def _near(space: Space, rng: np.random.Generator) -> Genotype:
    """Return the U-Net with one to three genes changed, each to any other value."""
    genotype = unet_genotype()
    variables = rng.permutation(np.array(space.variables, dtype=object))
    for variable in variables[: rng.integers(1, MOST_CHANGES + 1)]:
        options = space.neighbours(genotype, variable)
        if options:
            genotype = options[rng.integers(len(options))]
    return genotype


def _distinct(drawn: Iterator[Genotype], number: int) -> list[Genotype]:
    found: dict[Genotype, None] = {}
    while len(found) < number:
        genotype = next(drawn)
        if genotype != unet_genotype():
            found[genotype] = None
    return list(found)
