"""The reference of a search: a network that is evaluated first, whatever the searcher proposes."""

from __future__ import annotations

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype

WHY = "reference"
"""The reason of the reference's proposal."""


def with_reference(searcher: Searcher, reference: Genotype) -> Searcher:
    """Yield the reference, then a searcher's proposals; the searcher does not see its score.

    Args:
        searcher: A new searcher.
        reference: The network to evaluate first.
    """
    yield Proposal(genotypes=(reference,), incumbent=None, why=WHY)
    yield from searcher
