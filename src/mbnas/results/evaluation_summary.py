"""One evaluated network of a search and its trainings, as values."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from statistics import stdev

from mbnas.space.genotype import GENES, Gene, Genotype
from mbnas.study.progress.knowledge.known_networks import KnownNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """One training and its score.

    Attributes:
        fold: Number of the fold, from 0.
        initialisation: Number of the initialisation, from 0.
        score: Validation Dice of the training, or ``None`` if it failed.
        collapsed: Names of the classes of whose pixels in training slices less than a
            hundredth is found.
        absent: Names of the classes that no training patient has.
        unpredicted: Names of the classes that validation patients have and that no scored epoch
            predicted.
        error: Why it failed; ``None`` if it did not.
    """

    fold: int
    initialisation: int
    score: float | None
    collapsed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unpredicted: tuple[str, ...] = ()
    error: str | None = None

    def __post_init__(self) -> None:
        _check_finite("score", self.score)

    @property
    def problem(self) -> str | None:
        """Why it has no score, or which classes it does not predict; ``None`` without a problem.

        >>> TrainingSummary(
        ...     fold=1, initialisation=1, score=0.4, absent=("cyst",), unpredicted=("cyst",)
        ... ).problem
        'never predicted on validation patients: cyst (absent from training)'
        """
        if self.score is None:
            return f"failed: {self.error or 'no reason on record'}"
        notes = []
        if self.collapsed:
            notes.append(f"collapsed: predicted on no training slice: {', '.join(self.collapsed)}")
        if self.unpredicted:
            names = (
                f"{name} (absent from training)" if name in self.absent else name
                for name in self.unpredicted
            )
            notes.append(f"never predicted on validation patients: {', '.join(names)}")
        return "; ".join(notes) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One gene in which a network differs from its incumbent."""

    node: int
    gene: Gene
    before: str
    after: str

    def __str__(self) -> str:
        return f"node {self.node}: {self.gene} {self.before} → {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How a network was dropped in a race, before all of its trainings were done.

    Attributes:
        after: Number of trainings done.
        of: Number of trainings without the race.
        expected: The final score expected of it; ``None`` if a training failed.
    """

    after: int
    of: int
    expected: float | None

    def __str__(self) -> str:
        words = f"dropped after {self.after} of {self.of} trainings"
        return words if self.expected is None else f"{words}, expected {self.expected:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSummary:
    """One network and its score.

    Attributes:
        number: Place in the order of evaluations, from 1; any number for a network
            outside the search, such as a reference.
        genotype: Text of the genotype.
        digest: Of the network, its key in the ledger.
        why: What the searcher tried, such as ``"start 1"`` or ``"node 3 level"``.
        incumbent: Text of the genotype that this one was made from, or ``None``.
        score: Mean over its trainings, or ``None`` if it could not be scored.
        trainings: One per fold and initialisation.
        parameters: Number of weights, or ``None`` if not known.
        macs: Multiply-accumulates for one slice, or ``None`` if not known.
        wall_s: Duration of all trainings, or ``None`` if not known.
        dropped: How it was dropped in a race, if it was.
        known: How sure the score is, and what is estimated of the true score.

    Raises:
        GenotypeError: if a genotype's text cannot be read.
        ValueError: if a number is not finite.
    """

    number: int
    genotype: str
    digest: str
    why: str
    incumbent: str | None = None
    score: float | None
    trainings: tuple[TrainingSummary, ...] = ()
    parameters: int | None = None
    macs: int | None = None
    wall_s: float | None = None
    dropped: Dropped | None = None
    known: KnownNetwork | None = None

    def __post_init__(self) -> None:
        Genotype.parse(self.genotype)
        if self.incumbent is not None:
            Genotype.parse(self.incumbent)
        _check_finite("score", self.score)
        _check_finite("wall_s", self.wall_s)

    @property
    def sd(self) -> float | None:
        """Standard deviation of the score over trainings, or ``None`` with fewer than two."""
        scores = [training.score for training in self.trainings if training.score is not None]
        return stdev(scores) if len(scores) > 1 else None

    @property
    def num_collapsed(self) -> int:
        """How many trainings collapsed."""
        return sum(bool(training.collapsed) for training in self.trainings)

    @property
    def num_failed(self) -> int:
        """How many trainings ended without a score."""
        return sum(training.score is None for training in self.trainings)

    @property
    def is_start(self) -> bool:
        """Whether the search started with this network instead of changing another."""
        return self.incumbent is None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The genes in which the network differs from its incumbent, in order."""
        if self.incumbent is None:
            return ()
        pairs = zip(
            Genotype.parse(self.incumbent).nodes, Genotype.parse(self.genotype).nodes, strict=False
        )
        return tuple(
            Change(node=number, gene=gene, before=_gene(old, gene), after=_gene(new, gene))
            for number, (old, new) in enumerate(pairs, start=1)
            for gene in GENES
            if getattr(old, gene) != getattr(new, gene)
        )


def _gene(node: object, gene: Gene) -> str:
    value = getattr(node, gene)
    if value is None:
        return "its own" if gene == "expansion" else "none"
    return str(value)


def _check_finite(name: str, value: float | None) -> None:
    if value is not None and not isfinite(value):
        raise ValueError(f"A {name} (={value}) must be finite. Use None for an unknown value.")
