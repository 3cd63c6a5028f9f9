"""The networks of the landscape, in the order in which they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest

import numpy as np

from mbnas.seeds import generator
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SEED = 2022
NUM_UNIFORM, NUM_NEAR = 75, 75
MOST_CHANGES = 3
"""Genes of the U-Net that are changed, at most, one after the other."""


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
