"""Genotypes as numbers: what two networks have in common, in groups of features.

A group has one weight in the kernel, so the model learns which kinds of choices matter from few
networks. Counts over nodes let it learn what a block does in any node.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mbnas.space.genotype import Genotype, Node
from mbnas.space.search_space import Space

GROUPS = ("level", "step", "block", "kernel", "expansion", "skip", "pair", "count")
"""Of each node: level, step to it, block, kernel, expansion, source of its skip, block after block;
and counts over nodes, with the resolution profile."""

NUM_REFERENCES = 256
"""Drawn genotypes by which features are centred and scaled."""

Feature = tuple[object, ...]
"""The group's name, and what is counted."""


class _Place(NamedTuple):
    """A node with what comes before it."""

    number: int
    level_before: int
    block_before: str
    node: Node


class FeatureMap:
    """The features of the genotypes of a space, ``F`` for each.

    Features are centred on the space. A group is scaled so that two random genotypes have
    a squared distance of 1 on average. Features that do not vary in the space are left out.

    Args:
        space: The space.

    Attributes:
        groups: Group of each feature, as a position in ``names``.
        names: The groups that vary in the space.
    """

    def __init__(self, space: Space) -> None:
        rng = np.random.default_rng(0)
        references = [space.sample(rng) for _ in range(NUM_REFERENCES)]
        found = {each: None for genotype in references for each in _features(genotype)}
        self._use(list(found))
        raw_NF = self._raw(references)
        self._use([each for each, sd in zip(found, raw_NF.std(axis=0), strict=True) if sd > 0])
        raw_NF = self._raw(references)
        self._centre_F = raw_NF.mean(axis=0)
        spread_G = np.bincount(self.groups, weights=2 * raw_NF.var(axis=0))
        self._scale_F = 1 / np.sqrt(spread_G[self.groups])

    def of(self, genotypes: Sequence[Genotype]) -> Float[np.ndarray, "N F"]:
        """Return the features of genotypes of the space."""
        return np.asarray((self._raw(genotypes) - self._centre_F) * self._scale_F)

    def _use(self, features: Sequence[Feature]) -> None:
        self._columns = {feature: column for column, feature in enumerate(features)}
        self._at_place: dict[_Place, list[int]] = {}
        self.names = tuple(name for name in GROUPS if any(each[0] == name for each in features))
        self.groups = np.array([self.names.index(str(each[0])) for each in features], dtype=int)

    def _raw(self, genotypes: Sequence[Genotype]) -> Float[np.ndarray, "N F"]:
        raw_NF = np.zeros((len(genotypes), len(self._columns)))
        for raw_F, genotype in zip(raw_NF, genotypes, strict=True):
            columns: list[int] = []
            for place in _places(genotype):
                if place not in self._at_place:
                    self._at_place[place] = self._known(_features_at(place))
                columns += self._at_place[place]
            columns += self._known(_features_of_all(genotype))
            raw_F += np.bincount(columns, minlength=len(raw_F))
        return raw_NF

    def _known(self, features: Iterator[Feature]) -> list[int]:
        """Return the columns of features; what no reference has is as far from all others."""
        return [self._columns[each] for each in features if each in self._columns]


def _places(genotype: Genotype) -> Iterator[_Place]:
    level, block = 0, ""
    for number, node in enumerate(genotype.nodes):
        yield _Place(number, level, block, node)
        level, block = node.level, node.block


def _features(genotype: Genotype) -> Iterator[Feature]:
    for place in _places(genotype):
        yield from _features_at(place)
    yield from _features_of_all(genotype)


def _features_at(place: _Place) -> Iterator[Feature]:
    number, level, block, node = place
    yield "level", number, node.level
    yield "step", number, node.level - level
    yield "block", number, node.block
    yield "kernel", number, node.kernel
    if node.expansion is not None:
        yield "expansion", number, node.expansion
        yield "count", "expansion", node.variant
    yield "skip", number, node.skip
    yield "pair", number, block, node.block
    yield "count", "block", node.block
    yield "count", "kernel", node.kernel
    yield "count", "level", node.level
    yield "count", "skip", node.skip is None
    yield "count", "step", abs(node.level - level)


def _features_of_all(genotype: Genotype) -> Iterator[Feature]:
    yield "count", "deepest level", genotype.num_levels
    yield "count", "last level", genotype.nodes[-1].level
