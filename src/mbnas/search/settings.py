"""What can be set about a search, and the searcher that it comes to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mbnas.bounds import check_bounds
from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.search.bilevel import bilevel_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Search, Searcher
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import Genotype, unet_genotype


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How the space is searched: the ``[search]`` section.

    Attributes:
        searcher: ``local`` or ``random``.
        evaluations: Budget of distinct networks; a resumed study may be given another.
        start: The first network: ``random``, ``unet`` or a genotype's text. Local search
            climbs from it; random search goes on with draws.
        topology_evaluations: How many of the evaluations search the topology before the
            kernels, in the bilevel space alone; ``None`` is half of them, a number that stays
            when a resumed study is given more evaluations.
        racing: ``on`` drops a network before all of its trainings are done if it is unlikely
            to beat the incumbent; ``shadow`` drops none, and the report says what racing would
            have saved and changed; ``off`` is the paper's protocol.
        racing_threshold: The chance to beat the incumbent below which a network is dropped.
    """

    searcher: Literal["local", "random"] = "local"
    evaluations: int = 150
    start: str = "random"
    topology_evaluations: int | None = None
    racing: Literal["off", "on", "shadow"] = "off"
    racing_threshold: float = 0.1

    def __post_init__(self) -> None:
        check_bounds("search", self, evaluations=(1, 10**7), topology_evaluations=(1, 10**7))
        if not 0 < self.racing_threshold < 0.5:
            raise ConfigurationError(
                f"search.racing_threshold (={self.racing_threshold}) must be above 0 and below "
                "0.5: a network is dropped only where it is likelier not to beat the incumbent."
            )

    @property
    def dropped_below(self) -> float | None:
        """The chance below which a network is dropped; ``None`` where none is."""
        return self.racing_threshold if self.racing == "on" else None

    @property
    def num_topologies(self) -> int:
        """How many distinct networks a bilevel search gives to the topology."""
        return self.topology_evaluations or max(1, self.evaluations // 2)

    def split_resolved(self, space: SpaceSettings) -> SearchSettings:
        """Return these settings with the split of a bilevel search's budget as a number."""
        if space.name != "bilevel":
            return self
        return replace(self, topology_evaluations=self.num_topologies)

    def start_in(self, space: SpaceSettings) -> Genotype | None:
        """Return the network that a search starts from, ``None`` if it is drawn.

        Raises:
            ConfigurationError: if the start cannot be read or the search cannot start there.
        """
        if self.start == "random":
            return None
        try:
            start = (
                unet_genotype(space.num_levels)
                if self.start == "unet"
                else Genotype.parse(self.start)
            )
        except GenotypeError as error:
            raise ConfigurationError(
                f"search.start (={self.start}) must be random, unet or a genotype. {error}"
            ) from None
        try:
            space.first.check(start)
        except GenotypeError as error:
            first = "macro" if space.name == "bilevel" else space.name
            raise ConfigurationError(
                f"search.start (={self.start}) must be in the {first} space, where a search of "
                f"space.name (={space.name}) starts. {error}"
            ) from None
        return start


def make_searcher(
    search: SearchSettings, space: SpaceSettings, rng: np.random.Generator
) -> Searcher:
    """Return a fresh searcher as the settings have it.

    Raises:
        ConfigurationError: if the search cannot start where it is told to.
    """
    algorithm: Search = random_search if search.searcher == "random" else local_search
    start = search.start_in(space)
    if space.name == "bilevel":
        return bilevel_search(
            space.searched, rng, start, num_topologies=search.num_topologies, search=algorithm
        )
    return algorithm(space.searched, rng, start)
