"""A limit on what a searcher asks for: a phase of a search, or its budget."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype


def limited(
    searcher: Searcher, budget: int, *, per_network: int = 1
) -> Generator[Proposal, Sequence[float], dict[Genotype, float]]:
    """Yield a searcher's proposals until its budget is spent.

    The budget is in initialisations: a network costs as many as it is trained from. If a proposal
    costs more than is left, only the first of its networks are proposed. The searcher is closed
    at the end.

    Args:
        searcher: A new searcher; it may end earlier by itself.
        budget: Maximum number of initialisations, summed over networks, 1 or more. With one for
            each network, it is the number of distinct networks.
        per_network: Initialisations of a network whose proposal does not say how many.

    Returns:
        The last score of every proposed genotype, in the order of the proposals.
    """
    scores: dict[Genotype, float] = {}
    spent = Spent(per_network)
    try:
        proposal = next(searcher)
        while True:
            affordable = spent.affordable(proposal, budget)
            if affordable is None:
                return scores
            spent.add(affordable)
            received = yield affordable
            scores |= zip(affordable.genotypes, received, strict=True)
            if spent.total >= budget or affordable is not proposal:
                return scores
            proposal = searcher.send(received)
    except StopIteration:
        return scores
    finally:
        searcher.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a search may train.

    Attributes:
        initialisations: From which networks are trained, summed over networks.
        per_network: Those of a network whose proposal does not say how many.
    """

    initialisations: int
    per_network: int

    def limit(
        self, searcher: Searcher
    ) -> Generator[Proposal, Sequence[float], dict[Genotype, float]]:
        """Return a searcher that ends when this budget is spent."""
        return limited(searcher, self.initialisations, per_network=self.per_network)


class Spent:
    """How many initialisations the networks of a search were asked for.

    Args:
        per_network: Initialisations of a network whose proposal does not say how many.

    Attributes:
        total: Their sum over networks.
    """

    def __init__(self, per_network: int) -> None:
        self._per_network = per_network
        self._of: dict[Genotype, int] = {}
        self.total = 0

    def cost(self, proposal: Proposal) -> int:
        """Return how many more initialisations a proposal asks for."""
        return sum(self._missing(each, proposal) for each in set(proposal.genotypes))

    def add(self, proposal: Proposal) -> None:
        """Take a proposal into account."""
        self.total += self.cost(proposal)
        wanted = self._wanted(proposal)
        for genotype in proposal.genotypes:
            self._of[genotype] = max(wanted, self._of.get(genotype, 0))

    def affordable(self, proposal: Proposal, budget: int) -> Proposal | None:
        """Return the first networks of a proposal that fit into a budget, ``None`` if none does.

        It is the proposal itself if all fit. Networks that cost nothing more are kept, wherever
        they stand.
        """
        left = budget - self.total
        if self.cost(proposal) <= left:
            return proposal
        kept: set[Genotype] = set()
        for genotype in dict.fromkeys(proposal.genotypes):
            cost = self._missing(genotype, proposal)
            if cost > left:
                left = 0
            else:
                kept.add(genotype)
                left -= cost
        genotypes = tuple(each for each in proposal.genotypes if each in kept)
        return replace(proposal, genotypes=genotypes) if genotypes else None

    def _wanted(self, proposal: Proposal) -> int:
        return proposal.initialisations or self._per_network

    def _missing(self, genotype: Genotype, proposal: Proposal) -> int:
        return max(0, self._wanted(proposal) - self._of.get(genotype, 0))
