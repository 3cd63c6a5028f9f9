"""Bilevel search: first the topology, then the kernels on the best topology.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1, the bilevel space.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np

from mbnas.search.limit import limited
from mbnas.search.local import local_search
from mbnas.search.searcher import Proposal, Search, Searcher, begin_search
from mbnas.space.four_spaces import kernel_space, macro_space
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

Answers = tuple[tuple[Proposal, tuple[float, ...]], ...]
"""Proposals with the scores that were sent for them."""


def highest_score(space: Space, answers: Answers) -> Genotype:
    """Return the genotype with the highest score, the first of equals."""
    scores: dict[Genotype, float] = {}
    for proposal, received in answers:
        scores |= zip(proposal.genotypes, received, strict=True)
    return max(scores, key=scores.__getitem__)


def bilevel_search(
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    num_topologies: int,
    search: Search = local_search,
    recorded: Sequence[Proposal] = (),
    per_network: int = 1,
    best_of: Callable[[Space, Answers], Genotype] = highest_score,
) -> Searcher:
    """Yield topologies with VGG 3 in every node, then kernels on the best of them.

    The second phase starts at the best genotype of the first phase, and ends when it has nothing
    left to propose. The search does not return to the first phase.

    Args:
        space: Where to search; it must hold VGG 3.
        rng: Source of randomness of both phases.
        start: Start of the first phase; drawn if ``None``.
        num_topologies: Budget of the first phase, 1 or more: how many distinct topologies it may
            propose from all initialisations, or as many initialisations in total.
        search: The algorithm of each phase.
        recorded: What a model-based search proposed before, in order, in both phases.
        per_network: Initialisations of a network whose proposal does not say how many.
        best_of: Chooses the best genotype by what the first phase proposed and received. A search
            that goes on in its second phase keeps the genotype with which that phase began.

    Raises:
        ConfigurationError: if the space has no VGG 3.
        GenotypeError: if ``start`` is not in the space, or has a block other than VGG 3.
    """
    topologies = macro_space(space)
    first, second = _split(recorded)
    answers: list[tuple[Proposal, tuple[float, ...]]] = []
    searcher = begin_search(search, topologies, rng, start, recorded=first)
    phase = limited(searcher, num_topologies * per_network, per_network=per_network)
    yield from _noted(phase, answers)
    best = second[0].genotypes[0] if second else best_of(topologies, tuple(answers))
    yield from begin_search(search, kernel_space(space, best), rng, best, recorded=second)


def _noted(
    phase: Generator[Proposal, Sequence[float], object],
    answers: list[tuple[Proposal, tuple[float, ...]]],
) -> Searcher:
    """Yield the proposals of a phase, and note them with their scores."""
    try:
        proposal = next(phase)
        while True:
            received = yield proposal
            answers.append((proposal, tuple(received)))
            proposal = phase.send(received)
    except StopIteration:
        return
    finally:
        phase.close()


def _split(recorded: Sequence[Proposal]) -> tuple[Sequence[Proposal], Sequence[Proposal]]:
    """Return the proposals of the first phase, and those of the second.

    The second phase begins with a genotype of the first, which competes with none.
    """
    networks: set[Genotype] = set()
    for number, proposal in enumerate(recorded):
        if proposal.incumbent is None and proposal.genotypes[0] in networks:
            return recorded[:number], recorded[number:]
        networks |= set(proposal.genotypes)
    return recorded, ()
