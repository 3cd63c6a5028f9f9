"""The searches of noise.py: the real searchers, judge, confirmation and decision on a landscape.

A search is run once, to the largest budget. What it had done within a smaller budget is the first
part of its steps, as no searcher knows its budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float
from noise_world import UNET

from mbnas.scoring.superiority import superiority
from mbnas.search.bayesian.estimates import estimates
from mbnas.search.confirmation import sequential_halving
from mbnas.search.decision import DecisionRule, decide
from mbnas.search.named_search import named_search
from mbnas.search.racing.judge import Judge
from mbnas.search.racing.outcome import Outcome
from mbnas.search.reference_first import with_reference
from mbnas.search.searcher import Proposal, begin_search
from mbnas.seeds import generator
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


class Landscape(Protocol):
    """Networks with a true Dice, and with trainings that measure it."""

    @property
    def space(self) -> Space:
        """The networks."""
        ...

    @property
    def num_patients(self) -> int:
        """In the folds; patient p is in fold p modulo their number."""
        ...

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        ...

    def true(self, genotype: Genotype) -> float:
        """Return the expected Dice in new patients and new trainings."""
        ...

    def on_these_patients(self, genotype: Genotype) -> float:
        """Return the expected Dice in new trainings on the patients of the folds."""
        ...

    def measured(
        self, genotype: Genotype, num_initialisations: int, num_folds: int, *, fresh: bool = False
    ) -> Float[np.ndarray, "initialisation patient"]:
        """Return the Dice of every patient in the first initialisations of a search."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A way to search.

    Attributes:
        searcher: Its name in mbnas.
        num_folds: Folds of an initialisation.
        per_network: Initialisations of a network, where the searcher does not say.
        start: ``unet``, or ``random`` for the paper's start, without a reference.
        threshold: Of racing; ``None`` without.
        by_model: Whether leaders are the highest estimates of the model of Bayesian search,
            rather than the highest scores.
    """

    searcher: str
    num_folds: int = 3
    per_network: int = 1
    start: str = "unet"
    threshold: float | None = None
    by_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A network that was trained further.

    Attributes:
        genotype: The network.
        trainings: All trainings of the search until then.
        initialisations: Those of the network.
        score: What its searcher was sent; ``-inf`` would be a failure, and there is none here.
    """

    genotype: Genotype
    trainings: int
    initialisations: int
    score: float


def run_search(landscape: Landscape, arm: Arm, num_trainings: int) -> list[Step]:
    """Return the steps of a search until its next network would exceed a number of trainings."""
    start = UNET if arm.start == "unet" else None
    searcher = begin_search(
        named_search(arm.searcher), landscape.space, generator(landscape.seed, "search"), start
    )
    if arm.start == "unet" and arm.searcher != "local":  # local search begins with it anyway
        searcher = with_reference(searcher, UNET)
    judge = Judge(num_folds=arm.num_folds, threshold=arm.threshold)
    done: dict[Genotype, tuple[int, float]] = {}
    steps: list[Step] = []
    trainings = 0
    proposal = next(searcher)
    while True:
        judgements = []
        for genotype in dict.fromkeys(proposal.genotypes):
            wanted = proposal.initialisations or arm.per_network
            before = done.get(genotype, (0, -math.inf))
            if before[0] >= wanted or (arm.threshold is not None and genotype in done):
                continue
            if arm.threshold is None:
                asked = wanted
                score = float(landscape.measured(genotype, wanted, arm.num_folds).mean())
            else:
                asked, score, judgement = race(landscape, arm, judge, genotype, proposal)
                judgements.append(judgement)
            trainings += (asked - before[0]) * arm.num_folds
            if trainings > num_trainings:
                return steps
            done[genotype] = asked, score
            steps.append(
                Step(genotype=genotype, trainings=trainings, initialisations=asked, score=score)
            )
        judge.learn(judgements)
        try:
            proposal = searcher.send([done[each][1] for each in proposal.genotypes])
        except StopIteration:
            return steps


def race(
    landscape: Landscape, arm: Arm, judge: Judge, genotype: Genotype, proposal: Proposal
) -> tuple[int, float, object]:
    """Return the initialisations, score and judgement of a network that races."""
    own, theirs = (
        None if each is None else outcomes(landscape, arm, each)
        for each in (genotype, proposal.incumbent)
    )
    assert own is not None
    judgement = judge.judge(own, theirs)
    trained = judgement.dropped_after or len(own)
    assert judgement.score is not None
    return trained // arm.num_folds, judgement.score, judgement


def outcomes(landscape: Landscape, arm: Arm, genotype: Genotype) -> list[Outcome]:
    """Return the outcomes of all trainings of a network, folds within initialisations."""
    scores_IF = scores_of(landscape, genotype, arm.num_folds, arm.per_network)
    return [Outcome(score=score, wall_s=1.0) for score in scores_IF.ravel().tolist()]


def scores_of(
    landscape: Landscape, genotype: Genotype, folds: int, initialisations: int
) -> Float[np.ndarray, "initialisation fold"]:
    """Return the scores of all trainings of a network."""
    dice_IP = landscape.measured(genotype, initialisations, folds)
    return np.stack([dice_IP[:, fold::folds].mean(axis=1) for fold in range(folds)], axis=1)


def known_after(steps: Iterable[Step], num_trainings: int) -> dict[Genotype, Step]:
    """Return what a search knows of each network after a number of trainings."""
    return {each.genotype: each for each in steps if each.trainings <= num_trainings}


def ranked(known: dict[Genotype, Step]) -> list[Genotype]:
    """Return the networks by their score, the highest first."""
    return sorted(known, key=lambda each: -known[each].score)


def ranked_by_model(space: Space, steps: Iterable[Step], num_trainings: int) -> list[Genotype]:
    """Return the networks of a search by the model's estimate, the highest first."""
    answers = [
        (
            Proposal(
                genotypes=(each.genotype,),
                incumbent=None,
                why="",
                initialisations=each.initialisations,
            ),
            (each.score,),
        )
        for each in steps
        if each.trainings <= num_trainings
    ]
    return [each.genotype for each in estimates(space, answers)]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a search returned.

    Attributes:
        chosen: The network.
        shown: The Dice that is shown for it.
        num_confirmed: Leaders that were confirmed.
        trainings: All of them, confirmation included.
    """

    chosen: Genotype
    shown: float
    num_confirmed: int
    trainings: int


def unconfirmed(known: dict[Genotype, Step], leaders: Sequence[Genotype]) -> End:
    """Return the network with the highest estimate."""
    best = known[leaders[0]]
    trainings = max(step.trainings for step in known.values())
    return End(chosen=best.genotype, shown=best.score, num_confirmed=0, trainings=trainings)


def confirmed(
    landscape: Landscape,
    known: dict[Genotype, Step],
    leaders: Sequence[Genotype],
    *,
    num_folds: int,
    budget: int,
    rule: DecisionRule,
) -> End:
    """Return the network that is chosen after confirmation.

    Args:
        landscape: Where.
        known: What the search knows.
        leaders: Other networks than the U-Net, the most promising first.
        num_folds: Folds of an initialisation.
        budget: Initialisations that all networks may have together.
        rule: Of the decision.
    """

    def values(genotype: Genotype, number: int) -> np.ndarray:
        return landscape.measured(genotype, number, num_folds, fresh=True)

    rounds = sequential_halving(list(leaders), [UNET], budget)
    counts: dict[Genotype, int] = {}
    asked = next(rounds, None)
    while asked is not None:
        counts |= dict.fromkeys(asked.networks, asked.initialisations)
        try:
            asked = rounds.send(
                [float(values(each, asked.initialisations).mean()) for each in asked.networks]
            )
        except StopIteration:
            asked = None
    folds_P = np.arange(landscape.num_patients) % num_folds
    found = {
        each: superiority(values(each, number), values(UNET, number), folds_P)
        for each, number in counts.items()
        if each != UNET
    }
    decision = decide(UNET, {each: known for each, known in found.items() if known}, rule)
    number = counts.get(decision.chosen, 0)
    shown = float(values(UNET, number).mean()) if number else math.nan
    if decision.chosen != UNET:
        shown = float(values(decision.chosen, number).mean())
    elif not number:
        shown = known[UNET].score if UNET in known else math.nan
    return End(
        chosen=decision.chosen,
        shown=shown,
        num_confirmed=len(found),
        trainings=max(step.trainings for step in known.values()) + sum(counts.values()) * num_folds,
    )
