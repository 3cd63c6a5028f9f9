"""The networks of a recorded landscape as a space, which the searchers of mbnas search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mbnas.errors import GenotypeError
from mbnas.space.genotype import Genotype, distance
from mbnas.space.search_space import Space, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSpace(Space):
    """Some genotypes of a space.

    Genotypes that differ in one gene alone are hardly ever all recorded. So a neighbour in a gene
    is the nearest recorded genotype that has another value of it. If all of the space is
    recorded, these are its own neighbours, where it has any.

    Attributes:
        members: The genotypes.
    """

    members: tuple[Genotype, ...] = ()
    _ordered: dict[Genotype, list[Genotype]] = field(default_factory=dict, compare=False)

    @property
    def count(self) -> int:
        """The number of genotypes."""
        return len(self.members)

    def sample(self, rng: np.random.Generator) -> Genotype:
        """Return one of the genotypes; all are equally likely."""
        return self.members[rng.integers(len(self.members))]

    def check(self, genotype: Genotype) -> None:
        """Check that a genotype is recorded.

        Raises:
            GenotypeError: if it is not.
        """
        if genotype not in self.members:
            raise GenotypeError(f"{genotype} is not recorded.")

    def neighbours(self, genotype: Genotype, variable: Variable) -> tuple[Genotype, ...]:
        """Return the nearest genotype for every other value of one gene that a recorded one has.

        Args:
            genotype: One of the genotypes.
            variable: The gene.
        """
        own = _value(genotype, variable)
        nearest: dict[object, Genotype] = {}
        for other in self._by_distance(genotype):
            if (value := _value(other, variable)) != own:
                nearest.setdefault(value, other)
        return tuple(nearest.values())

    def _by_distance(self, genotype: Genotype) -> Sequence[Genotype]:
        """Return all others, the nearest first, and of equally near ones the first recorded."""
        if genotype not in self._ordered:
            others = (each for each in self.members if each != genotype)
            ordered = sorted(others, key=lambda each: distance(each, genotype))
            self._ordered[genotype] = ordered
        return self._ordered[genotype]


def _value(genotype: Genotype, variable: Variable) -> object:
    return getattr(genotype.nodes[variable.node - 1], variable.gene)
