"""The settings of a search, and the searcher that they describe."""

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
    """How a space is searched: the ``[search]`` section.

    Attributes:
        searcher: ``local`` or ``random``.
        evaluations: Budget of distinct networks; it may change when a study is resumed.
        start: The first network: ``random``, ``unet`` or the text of a genotype. Local search
            climbs from it; random search continues with random networks.
        topology_evaluations: How many evaluations search the topology before the kernels, only
            in the bilevel space. ``None`` is half of the evaluations; the number is kept when a
            resumed study gets more evaluations.
        racing: ``on`` drops a network before all of its trainings are done if it is unlikely
            to beat the incumbent; ``shadow`` drops none, and the report shows what racing would
            have saved and changed; ``off`` is the paper's protocol.
        racing_threshold: Probability to beat the incumbent below which a network is dropped.
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
                "0.5: a network may be dropped only if it probably does not beat the incumbent."
            )

    @property
    def dropped_below(self) -> float | None:
        """The probability below which a network is dropped; ``None`` if none is ever dropped."""
        return self.racing_threshold if self.racing == "on" else None

    @property
    def num_topologies(self) -> int:
        """How many distinct networks the first phase of a bilevel search proposes."""
        return self.topology_evaluations or max(1, self.evaluations // 2)

    def split_resolved(self, space: SpaceSettings) -> SearchSettings:
        """Return these settings with the split of a bilevel budget as a number, not ``None``."""
        if space.name != "bilevel":
            return self
        return replace(self, topology_evaluations=self.num_topologies)

    def start_in(self, space: SpaceSettings) -> Genotype | None:
        """Return the first network of a search, ``None`` if it is drawn.

        Raises:
            ConfigurationError: if the start is not a genotype, or the search cannot start there.
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
                f"search.start (={self.start}) must be in the {first} space, in which a search "
                f"of space.name (={space.name}) starts. {error}"
            ) from None
        return start


def make_searcher(
    search: SearchSettings, space: SpaceSettings, rng: np.random.Generator
) -> Searcher:
    """Return a new searcher for the settings.

    Raises:
        ConfigurationError: if the search cannot start at ``search.start``.
    """
    algorithm: Search = random_search if search.searcher == "random" else local_search
    start = search.start_in(space)
    if space.name == "bilevel":
        return bilevel_search(
            space.searched, rng, start, num_topologies=search.num_topologies, search=algorithm
        )
    return algorithm(space.searched, rng, start)
