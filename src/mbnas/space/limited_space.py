"""A space within limits on cost: searchers use it as any other space.

Whether a genotype is within the limits is known exactly and before it is trained. How many of them
there are is not: they are counted only if they are few, so that a search knows when it has
proposed all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.space.cost_limits import CostLimits, CostOf
from mbnas.space.genotype import Genotype, distance
from mbnas.space.search_space import Space, Variable
from mbnas.space.topology import Topology  # noqa: F401  (the type of an inherited attribute)

MANY = 1000
"""Networks within the limits are counted up to this number."""

_DRAWS = 100  # of the survey
_COMMON = 0.05  # a draw is repeated until it is within the limits if this share of draws is
_MOST_DRAWS = 1000
_MOST_WALKS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedSpace(Space):
    """The genotypes of a space whose costs are within limits.

    Spaces that are made from it, such as
    :func:`~mbnas.space.four_spaces.macro_space`, have the same limits.

    Attributes:
        limits: On the costs.
        cost_of: Returns the costs; it must be hashable.
    """

    limits: CostLimits
    cost_of: CostOf

    @classmethod
    def within(cls, space: Space, limits: CostLimits, cost_of: CostOf) -> LimitedSpace:
        """Return the genotypes of a space whose costs are within limits."""
        genes = {each.name: getattr(space, each.name) for each in fields(Space)}
        return cls(**genes, limits=limits, cost_of=cost_of)

    def excess(self, genotype: Genotype) -> float:
        """Return by which fraction a genotype exceeds the limits; 0 if it is within them."""
        return self.limits.excess(genotype, self.cost_of)

    @property
    def count(self) -> int:
        """The number of genotypes within the limits if they are few, otherwise an upper bound.

        They count as few if there are fewer than :data:`MANY`. They are found from random
        genotypes, by steps to neighbours within the limits.
        """
        members = _survey(self).members
        return self._total if members is None else len(members)

    def sample(self, rng: np.random.Generator) -> Genotype:
        """Return a random genotype within the limits.

        If at least one in twenty of the space is within them, or fewer than :data:`MANY` are, all
        of them are equally likely. Otherwise random genes of a uniform draw, one after
        another, take their cheapest value until it is within the limits; those near the limits
        are then more likely.

        Raises:
            ConfigurationError: if nothing is found within the limits.
        """
        survey = _survey(self)
        if survey.members is not None:
            return survey.members[rng.integers(len(survey.members))]
        if survey.is_common:
            for _ in range(_MOST_DRAWS):
                if not self.excess(genotype := Space.sample(self, rng)):
                    return genotype
        for _ in range(_MOST_WALKS):
            if (found := self._walk(Space.sample(self, rng), rng)) is not None:
                return found
        raise self._nothing_found()

    def check(self, genotype: Genotype) -> None:
        """Check that ``genotype`` is in this space and within the limits.

        Raises:
            GenotypeError: if it is not; the message names the first rule that it breaks.
        """
        Space.check(self, genotype)
        if (broken := self.limits.broken_by(genotype, self.cost_of)) is not None:
            raise GenotypeError(
                f"{genotype} has {broken}. Raise the limit, or start from another network."
            )

    def neighbours(self, genotype: Genotype, variable: Variable) -> tuple[Genotype, ...]:
        """Return one genotype within the limits for every other value of one gene that has one.

        Args:
            genotype: The genotype to change; it may itself exceed the limits.
            variable: The gene to change.

        Raises:
            GenotypeError: if ``genotype`` is not in the space without limits.
        """
        around = Space.neighbours(self, genotype, variable)
        return tuple(each for each in around if not self.excess(each))

    def nearest(self, genotype: Genotype) -> Genotype:
        """Return a genotype within the limits that is near to one of the space without limits.

        Of all neighbours, that with the least excess is taken, until one is within the limits; of
        several such, the first of those with the fewest changes.

        Raises:
            GenotypeError: if ``genotype`` is not in the space without limits.
            ConfigurationError: if no such step is left before the limits are met.
        """
        Space.check(self, genotype)
        found, excess = genotype, self.excess(genotype)
        while excess:
            around = {
                each: self.excess(each)
                for variable in self.variables
                for each in Space.neighbours(self, found, variable)
            }
            least = min(around.values(), default=excess)
            if least >= excess:
                raise self._nothing_found()
            best = [each for each, value in around.items() if value == least]
            found, excess = min(best, key=lambda each: distance(each, genotype)), least
        return found

    def _walk(self, genotype: Genotype, rng: np.random.Generator) -> Genotype | None:
        """Return where cheapest values of random genes lead, ``None`` if not within the limits."""
        excess = self.excess(genotype)
        improved = True
        while excess and improved:
            improved = False
            for index in rng.permutation(len(self.variables)):
                around = Space.neighbours(self, genotype, self.variables[index])
                less, other = min(
                    ((self.excess(each), number) for number, each in enumerate(around)),
                    default=(excess, 0),
                )
                if less < excess:
                    genotype, excess, improved = around[other], less, True
                if not excess:
                    break
        return None if excess else genotype

    def _nothing_found(self) -> ConfigurationError:
        return ConfigurationError(
            f"No network of the space was found within {self.limits}. Raise the limit, lower "
            "training.base_channels, or search a larger space; mbnas cost says what a network "
            "costs."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """What is known of a limited space before it is searched.

    Attributes:
        members: All genotypes that were found within the limits; ``None`` if they are many.
        is_common: Whether uniform draws are often within the limits.
    """

    members: tuple[Genotype, ...] | None
    is_common: bool


@lru_cache(maxsize=64)
def _survey(space: LimitedSpace) -> _Survey:
    """Return what is known of a space; the same whenever it is asked.

    Raises:
        ConfigurationError: if nothing is found within the limits.
    """
    if space._total < MANY:
        everything = map(space.genotype_at, range(space._total))
        return _Survey(members=_some(space, everything), is_common=True)
    rng = np.random.default_rng(0)
    draws = [Space.sample(space, rng) for _ in range(_DRAWS)]
    within = [each for each in draws if not space.excess(each)]
    walks = (space._walk(each, rng) for each in draws[:_MOST_WALKS])
    seeds = within or [each for each in walks if each is not None]
    if not seeds:
        raise space._nothing_found()
    members: dict[Genotype, None] = {}
    for genotype in _connected(space, seeds):
        members[genotype] = None
        if len(members) == MANY:
            return _Survey(members=None, is_common=len(within) >= _COMMON * _DRAWS)
    return _Survey(members=tuple(members), is_common=False)


def _some(space: LimitedSpace, genotypes: Iterator[Genotype]) -> tuple[Genotype, ...]:
    members = tuple(each for each in genotypes if not space.excess(each))
    if not members:
        raise space._nothing_found()
    return members


def _connected(space: LimitedSpace, seeds: list[Genotype]) -> Iterator[Genotype]:
    """Yield the genotypes within the limits that neighbours lead to from some of them."""
    seen = dict.fromkeys(seeds)
    yield from seen
    waiting = deque(seen)
    while waiting:
        genotype = waiting.popleft()
        for variable in space.variables:
            for each in space.neighbours(genotype, variable):
                if each not in seen:
                    seen[each] = None
                    waiting.append(each)
                    yield each
