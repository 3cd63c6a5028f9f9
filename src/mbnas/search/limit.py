"""A searcher cut short: a phase of a longer search, or a search within its budget."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype


def limited(
    searcher: Searcher, num_networks: int
) -> Generator[Proposal, Sequence[float], dict[Genotype, float]]:
    """Yield a searcher's batches until it has proposed a number of distinct networks.

    Where a batch holds more new networks than are left, its first ones are proposed. The
    searcher is closed at the end.

    Args:
        searcher: Fresh; it may end by itself before.
        num_networks: How many distinct networks to propose at most, 1 or more.

    Returns:
        The score of every genotype proposed, in the order proposed.
    """
    scores: dict[Genotype, float] = {}
    try:
        batch = next(searcher)
        while True:
            new = [
                genotype for genotype in dict.fromkeys(batch.genotypes) if genotype not in scores
            ]
            beyond = set(new[num_networks - len(scores) :])
            if beyond:
                kept = tuple(genotype for genotype in batch.genotypes if genotype not in beyond)
                batch = replace(batch, genotypes=kept)
            received = yield batch
            scores |= zip(batch.genotypes, received, strict=True)
            if len(scores) >= num_networks:
                return scores
            batch = searcher.send(received)
    except StopIteration:
        return scores
    finally:
        searcher.close()
