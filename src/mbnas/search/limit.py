"""A limit on the networks that a searcher proposes: a phase of a search, or its budget."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype


def limited(
    searcher: Searcher, num_networks: int
) -> Generator[Proposal, Sequence[float], dict[Genotype, float]]:
    """Yield a searcher's proposals until it has proposed a number of distinct networks.

    If a proposal has more new networks than are left, only the first of them are proposed. The
    searcher is closed at the end.

    Args:
        searcher: A new searcher; it may end earlier by itself.
        num_networks: Maximum number of distinct networks, 1 or more.

    Returns:
        The score of every proposed genotype, in the order of the proposals.
    """
    scores: dict[Genotype, float] = {}
    try:
        proposal = next(searcher)
        while True:
            new = [
                genotype for genotype in dict.fromkeys(proposal.genotypes) if genotype not in scores
            ]
            beyond = set(new[num_networks - len(scores) :])
            if beyond:
                kept = tuple(genotype for genotype in proposal.genotypes if genotype not in beyond)
                proposal = replace(proposal, genotypes=kept)
            received = yield proposal
            scores |= zip(proposal.genotypes, received, strict=True)
            if len(scores) >= num_networks:
                return scores
            proposal = searcher.send(received)
    except StopIteration:
        return scores
    finally:
        searcher.close()
