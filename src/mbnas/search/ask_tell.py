"""A search whose networks someone else trains: it is asked for networks, and told their scores.

It turns a searcher inside out. The searcher waits in the middle of its algorithm until every
network of its proposal has as many scores as it wants, and is then sent their means. What is told
is all there is to know: the same scores told in the same order to a new search of the same seed
lead to the same networks.

Source:
    Collette et al. 2010, Multidisciplinary Design Optimization in Computational Mechanics,
    section 14: the interface of ask and tell.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from mbnas.errors import UsageError
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A genotype whose scores a search waits for.

    Attributes:
        genotype: The network.
        why: What the searcher is doing, such as ``node 3 level``.
        incumbent: The network that it competes with, if any.
        total: How many scores the search wants of it, those told before included.
        missing: How many of them are missing, 1 or more.
    """

    genotype: Genotype
    why: str
    incumbent: Genotype | None
    total: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A score that a search was told.

    Attributes:
        genotype: The network.
        score: Larger is better; ``-inf`` of a training that failed.
    """

    genotype: Genotype
    score: float


class AskTell:
    """A searcher that is asked for networks and told their scores.

    Args:
        searcher: At its beginning, with its budget.
        per_network: How many scores a network needs whose proposal does not say how many.

    Attributes:
        told: All scores, in order.
        proposals: All proposals so far, in order.

    Raises:
        ValueError: if ``per_network`` is below 1.
    """

    def __init__(
        self, searcher: Generator[Proposal, Sequence[float], object], *, per_network: int = 1
    ) -> None:
        if per_network < 1:
            raise ValueError(f"per_network (={per_network}) must be 1 or more.")
        self._searcher = searcher
        self._per_network = per_network
        self._scores: dict[Genotype, list[float]] = {}
        self.told: list[Told] = []
        self.proposals: list[Proposal] = []
        self._advance(None)

    def ask(self) -> tuple[Wanted, ...]:
        """Return the networks whose scores the search waits for; none if it has ended.

        Asking changes nothing. The networks may be trained in any order, also at the same time.
        """
        if self._proposal is None:
            return ()
        return tuple(
            wanted
            for genotype in dict.fromkeys(self._proposal.genotypes)
            if (wanted := self._wanted(genotype, self._proposal)).missing > 0
        )

    def tell(self, genotype: Genotype, *scores: float) -> None:
        """Take scores of a network into account: all of them, or none if one cannot be used.

        A network may be told more scores than the search wants of it, as long as it has not sent
        their mean to the searcher; later ones count when it is asked for again.

        Args:
            genotype: A network that was asked for.
            scores: Larger is better; ``-inf`` if the training failed.

        Raises:
            UsageError: if the network was never asked for, or a score is nan or infinite.
        """
        if genotype not in self._scores:
            raise UsageError(f"{genotype} was not asked for: tell the scores of what ask returns.")
        for score in scores:
            if math.isnan(score) or score == math.inf:
                raise UsageError(
                    f"The score {score} of {genotype} cannot be used: tell a finite number, or "
                    "None if the training failed."
                )
        for score in scores:
            self.told.append(Told(genotype=genotype, score=score))
            self._scores[genotype].append(score)
            while self._proposal is not None and not self.ask():
                self._advance([self.mean(each) for each in self._proposal.genotypes])

    @property
    def scored(self) -> tuple[Genotype, ...]:
        """The networks that have a score, in the order of their first one."""
        return tuple(dict.fromkeys(each.genotype for each in self.told))

    def scores(self, genotype: Genotype) -> tuple[float, ...]:
        """Return the scores of a network, in the order told."""
        return tuple(self._scores.get(genotype, ()))

    def mean(self, genotype: Genotype) -> float:
        """Return the mean over the scores of a network, of which there must be one."""
        scores = self._scores[genotype]
        return math.fsum(scores) / len(scores) if -math.inf not in scores else -math.inf

    @property
    def best(self) -> Genotype | None:
        """The network of the highest mean, the first of equals; ``None`` without a finite one."""
        scored = [
            each for each, scores in self._scores.items() if scores and self.mean(each) > -math.inf
        ]
        return max(scored, key=self.mean, default=None)

    def _wanted(self, genotype: Genotype, proposal: Proposal) -> Wanted:
        total = proposal.initialisations or self._per_network
        return Wanted(
            genotype=genotype,
            why=proposal.why,
            incumbent=proposal.incumbent,
            total=total,
            missing=total - len(self._scores[genotype]),
        )

    def _advance(self, scores: Sequence[float] | None) -> None:
        """Send scores to the searcher and receive its next proposal, if there is one."""
        self._proposal: Proposal | None = None
        try:
            proposal = next(self._searcher) if scores is None else self._searcher.send(scores)
        except StopIteration:
            return
        self._proposal = proposal
        self.proposals.append(proposal)
        for genotype in proposal.genotypes:
            self._scores.setdefault(genotype, [])
