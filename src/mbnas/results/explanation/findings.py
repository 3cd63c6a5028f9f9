"""What is known of what mattered in a search, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mbnas.results.explanation.choices import Choice, GeneValue, Pair
from mbnas.space.genotype import Genotype

CONFIDENCE = 0.95

FEWEST_NETWORKS = 5
"""Fewest networks with scores from which on effects are estimated."""

Finding = Literal["pays", "costs", "open"]
"""Whether an effect is shown to raise or to lower scores, or cannot be told from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect on the true score, in Dice.

    Attributes:
        mean: Posterior mean.
        sd: Posterior standard deviation.
        low: Lower end of its interval.
        high: Upper end. All intervals of a family of effects hold together with a probability of
            :data:`CONFIDENCE`.
    """

    mean: float
    sd: float
    low: float
    high: float

    @property
    def finding(self) -> Finding:
        """Whether its interval excludes 0."""
        if self.low > 0:
            return "pays"
        return "costs" if self.high < 0 else "open"

    @property
    def half_width(self) -> float:
        """Half the length of its interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceEffect:
    """What a choice gives, on average over the space.

    Attributes:
        choice: The block, kernel, skip or depth.
        effect: Of a block or kernel in one node rather than the average one, of a skip rather
            than none, of a depth rather than the average.
        num_networks: Networks with scores that make this choice.
    """

    choice: Choice
    effect: Effect
    num_networks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEffect:
    """What two choices give together, beyond the effect of each.

    Attributes:
        pair: Two choices in one node, or a choice in a node and the depth.
        effect: Of the pair in one node; with the depth, of one more level on the effect of the
            choice.
    """

    pair: Pair
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneEffect:
    """What a value of a gene gives, on average over the space.

    Attributes:
        gene: The gene with its value.
        effect: Of this value rather than the average one.
    """

    gene: GeneValue
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of the variance of true scores in the space.

    Attributes:
        name: What explains it: a kind of genes, ``pairs``, or ``rest``.
        mean: Posterior mean, 0 to 1.
        low: Lower end of its own interval.
        high: Upper end.
    """

    name: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """A step of an ablation path.

    Attributes:
        change: What is changed, in words.
        network: The network after it.
        is_scored: Whether the search has a score of this network.
        gain: In true score, over the network before it.
    """

    change: str
    network: Genotype
    is_scored: bool
    gain: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationPath:
    """From the reference to another network, one change after another.

    Attributes:
        reference: Where it begins.
        target: Where it ends.
        is_chosen: Whether the study stands for the target; otherwise the target is the network of
            the highest estimate.
        steps: In order, the greatest gain first as far as the model can say.
        total: Gain of all steps, with an interval of its own.
    """

    reference: Genotype
    target: Genotype
    is_chosen: bool
    steps: tuple[PathStep, ...]
    total: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What mattered in a search.

    Attributes:
        num_networks: With scores.
        num_initialisations: Of all of them together.
        searcher: That proposed them.
        is_limited: Whether effects are averages over networks within limits on cost.
        choices: Effects of blocks, kernels, skips and depths.
        untried: Choices of the space that no network with a score makes.
        pairs: Effects of pairs of choices.
        genes: Effects of values of genes.
        shares: Of the variance of true scores in the space.
        path: From the reference to the chosen network; ``None`` if there is none.
    """

    num_networks: int
    num_initialisations: int
    searcher: str
    is_limited: bool
    choices: tuple[ChoiceEffect, ...] = ()
    untried: tuple[Choice, ...] = ()
    pairs: tuple[PairEffect, ...] = ()
    genes: tuple[GeneEffect, ...] = ()
    shares: tuple[Share, ...] = ()
    path: AblationPath | None = None
