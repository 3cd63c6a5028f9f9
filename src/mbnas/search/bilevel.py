"""Bilevel search: first the topology, then the kernels on the best topology.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1, the bilevel space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mbnas.search.limit import limited
from mbnas.search.local import local_search
from mbnas.search.searcher import Proposal, Search, Searcher, begin_search
from mbnas.space.four_spaces import kernel_space, macro_space
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


def bilevel_search(
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    num_topologies: int,
    search: Search = local_search,
    recorded: Sequence[Proposal] = (),
) -> Searcher:
    """Yield topologies with VGG 3 in every node, then kernels on the best of them.

    The second phase starts at the best genotype of the first phase (the first of equals), and
    ends when it has nothing left to propose. The search does not return to the first phase.

    Args:
        space: Where to search; it must hold VGG 3.
        rng: Source of randomness of both phases.
        start: Start of the first phase; drawn if ``None``.
        num_topologies: How many distinct topologies the first phase may propose, 1 or more.
        search: The algorithm of each phase.
        recorded: What a model-based search proposed before, in order: first that of the first
            phase, which ends with the proposal in which its last distinct topology is.

    Raises:
        ConfigurationError: if the space has no VGG 3.
        GenotypeError: if ``start`` is not in the space, or has a block other than VGG 3.
    """
    topologies = macro_space(space)
    first, second = _split(recorded, min(num_topologies, topologies.count))
    searcher = begin_search(search, topologies, rng, start, recorded=first)
    scores = yield from limited(searcher, num_topologies)
    best = max(scores, key=scores.__getitem__)
    yield from begin_search(search, kernel_space(space, best), rng, best, recorded=second)


def _split(
    recorded: Sequence[Proposal], num_networks: int
) -> tuple[Sequence[Proposal], Sequence[Proposal]]:
    """Return the proposals until a number of distinct networks is reached, and the others."""
    networks: set[Genotype] = set()
    for number, proposal in enumerate(recorded, start=1):
        networks |= set(proposal.genotypes)
        if len(networks) >= num_networks:
            return recorded[:number], recorded[number:]
    return recorded, ()
