"""What a report tells of a study, as one value: no disk, no clock, no database behind it.

Whoever drives a search fills it in; the page and every other output only read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from statistics import stdev
from typing import Literal

from mbnas.results.comparison import Comparison
from mbnas.results.segmentations.outlined_cases import Segmentations
from mbnas.results.timeline import Timeline
from mbnas.space.genotype import GENES, Gene, Genotype
from mbnas.study.progress.racing_account import RaceAccount
from mbnas.study.progress.time_account import Account

State = Literal["running", "finished", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScore:
    """One training and what came of it.

    Attributes:
        fold: Number of the fold, from 0.
        initialisation: Number of the initialisation, from 0.
        score: Validation Dice of the training, or ``None`` if it failed.
        collapsed: Names of the classes that are predicted on none of the training slices that
            show them.
        absent: Names of the classes that no training patient has.
        unpredicted: Names of the classes that validation patients have and that no scored epoch
            predicted.
        error: Why it failed, or ``None``.
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
    def trouble(self) -> str | None:
        """Why it has no score, or which classes it does not know; ``None`` if neither is so.

        >>> FoldScore(
        ...     fold=1, initialisation=1, score=0.4, absent=("cyst",), unpredicted=("cyst",)
        ... ).trouble
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
    """One gene in which a network differs from the one that it was made from."""

    node: int
    gene: Gene
    before: str
    after: str

    def __str__(self) -> str:
        return f"node {self.node}: {self.gene} {self.before} → {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """That a network was dropped in a race, before all of its trainings were done.

    Attributes:
        after: After how many trainings.
        of: How many there would have been.
        expected: The score that it was expected to end at; ``None`` if a training failed.
    """

    after: int
    of: int
    expected: float | None

    def __str__(self) -> str:
        words = f"dropped after {self.after} of {self.of} trainings"
        return words if self.expected is None else f"{words}, expected {self.expected:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Racing:
    """What racing saved in a search, or would have saved.

    Attributes:
        mode: ``on`` if the search raced; ``shadow`` if it trained everything and looks back.
        chosen: At the search's own threshold.
        curve: At others, ascending; of a search that did not race.
    """

    mode: Literal["on", "shadow"]
    chosen: RaceAccount
    curve: tuple[RaceAccount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSummary:
    """One network and its score.

    Attributes:
        number: Place in the order of evaluations, from 1; any number for a network
            that stands outside the search, such as a reference.
        genotype: Text of the genotype.
        digest: What the ledger knows the network by.
        why: What the searcher probed, such as ``"start 1"`` or ``"node 3 level"``.
        incumbent: Text of the genotype that this one was made from, or ``None``.
        score: Mean over its trainings, or ``None`` if it could not be scored.
        trainings: Score per fold and initialisation.
        parameters: How many, or ``None`` if not known.
        macs: Multiply-accumulates for one slice, or ``None`` if not known.
        wall_s: Time that the evaluation took, or ``None`` if not known.
        dropped: How it was dropped in a race, if it was.

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
    trainings: tuple[FoldScore, ...] = ()
    parameters: int | None = None
    macs: int | None = None
    wall_s: float | None = None
    dropped: Dropped | None = None

    def __post_init__(self) -> None:
        Genotype.parse(self.genotype)
        if self.incumbent is not None:
            Genotype.parse(self.incumbent)
        _check_finite("score", self.score)
        _check_finite("wall_s", self.wall_s)

    @property
    def sd(self) -> float | None:
        """Standard deviation of the score over trainings, or ``None`` below two of them."""
        scores = [training.score for training in self.trainings if training.score is not None]
        return stdev(scores) if len(scores) > 1 else None

    @property
    def num_collapsed(self) -> int:
        """How many trainings never predicted one of the classes."""
        return sum(bool(training.collapsed) for training in self.trainings)

    @property
    def num_failed(self) -> int:
        """How many trainings ended without a score."""
        return sum(training.score is None for training in self.trainings)

    @property
    def is_start(self) -> bool:
        """Whether the search began anew with this network, rather than from another."""
        return self.incumbent is None

    @property
    def changes(self) -> tuple[Change, ...]:
        """In which genes the network differs from its incumbent, in order."""
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


MOST_SHOWN = 300
"""Networks that a page shows one by one; of more, it shows :attr:`SearchSummary.shown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSummary:
    """A study at one moment.

    Attributes:
        study_name: Name of the study.
        dataset_name: Name of the dataset.
        class_names: Names of the foreground classes.
        state: Whether the search runs, has spent its budget, or was ended before.
        updated_at: When this was so; with a time zone.
        space_text: The search space in a few words.
        searcher: Name of the searcher.
        protocol_name: Name of the protocol.
        budget: How many networks the search may evaluate.
        evaluations: Every network evaluated, in order.
        unet: The standard U-Net under the same protocol, if it was evaluated.
        comparison: What networks trained anew on fresh initialisations say, if any were.
        segmentations: What these networks made of the patients.
        racing: What racing saved or would have saved, if the search was told to tell.
        timeline: Which worker ran what and when.
        account: What the study cost.
        configuration_toml: The whole configuration.
        versions: Version of each program that took part.
        identity: What else a repetition must have in common, such as seed and digests.
        commands: That repeat the study, given its configuration.

    Raises:
        ValueError: if the time has no zone, or if evaluations are out of order.
    """

    study_name: str
    dataset_name: str
    class_names: tuple[str, ...]
    state: State
    updated_at: datetime
    space_text: str
    searcher: str
    protocol_name: str
    budget: int
    evaluations: tuple[EvaluationSummary, ...] = ()
    unet: EvaluationSummary | None = None
    comparison: Comparison | None = None
    segmentations: Segmentations | None = None
    racing: Racing | None = None
    timeline: Timeline | None = None
    account: Account | None = None
    configuration_toml: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.updated_at.tzinfo is None:
            raise ValueError(f"updated_at (={self.updated_at}) must name its time zone.")
        numbers = [evaluation.number for evaluation in self.evaluations]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"Evaluations (={numbers}) must be in order, each with its number.")

    @property
    def best(self) -> EvaluationSummary | None:
        """The network of the highest score, the first of equals; ``None`` without a score."""
        scored = self.improvements
        return scored[-1] if scored else None

    @property
    def shown(self) -> tuple[EvaluationSummary, ...]:
        """The networks that a page shows one by one, in order: all, or of many a choice.

        The choice is of the latest, those of the highest scores, and the last that were better
        than all before them. So a page is of bounded size however long a search runs.
        """
        if len(self.evaluations) <= MOST_SHOWN:
            return self.evaluations
        scored = [each for each in self.evaluations if each.score is not None]
        best = sorted(scored, key=lambda each: each.score or 0.0, reverse=True)
        chosen = [
            *self.evaluations[-MOST_SHOWN // 2 :],
            *best[: MOST_SHOWN // 3],
            *self.improvements[-MOST_SHOWN // 6 :],
        ]
        return tuple(sorted({each.number: each for each in chosen}.values(), key=_number))

    @property
    def improvements(self) -> tuple[EvaluationSummary, ...]:
        """The networks that were better than all before them, in order."""
        improvements: list[EvaluationSummary] = []
        best = float("-inf")
        for evaluation in self.evaluations:
            if evaluation.score is not None and evaluation.score > best:
                improvements.append(evaluation)
                best = evaluation.score
        return tuple(improvements)


def _number(evaluation: EvaluationSummary) -> int:
    return evaluation.number


def _gene(node: object, gene: Gene) -> str:
    value = getattr(node, gene)
    return "none" if value is None else str(value)


def _check_finite(name: str, value: float | None) -> None:
    if value is not None and not isfinite(value):
        raise ValueError(f"A {name} (={value}) must be finite: None says that there is none.")
