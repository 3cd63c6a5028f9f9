"""What racing saves: in a search with racing, and in one that trained everything.

In a search without racing, every decision can be compared with the decision of a race on the
first blocks only. A race changes the search only if it drops a network that the search accepted.
What would have followed such a change is unknown, so each decision is judged separately, along
the search as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mbnas.search.racing.judge import Judge, Judgement
from mbnas.search.racing.outcome import Outcome
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.search_status import ScoredNetwork, by_proposal

THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
"""The thresholds at which savings and changes are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RacingAccount:
    """What racing saves in a search, or would have saved.

    Attributes:
        threshold: The chance below which a network is dropped.
        num_raced: Networks that had an incumbent to beat.
        dropped: Numbers of the evaluations whose network is dropped.
        num_trainings: Trainings that all complete evaluations take without racing.
        num_saved: Trainings of them that racing saves.
        saved_s: Their duration in seconds: for each, the mean duration of the same network's
            trainings that were run.
        num_accepted: Networks that were better than their incumbent and the rest of their proposal.
        changed: Numbers of the evaluations of accepted networks that are dropped.
    """

    threshold: float
    num_raced: int
    dropped: tuple[int, ...]
    num_trainings: int
    num_saved: int
    saved_s: float
    num_accepted: int
    changed: tuple[int, ...]


def racing_account(
    evaluations: Iterable[ScoredNetwork], *, num_folds: int, threshold: float
) -> RacingAccount:
    """Return what racing at a threshold saves and changes.

    Args:
        evaluations: Of a search, in order, raced or not.
        num_folds: Of its protocol.
        threshold: The chance below which a network is dropped.
    """
    complete = [each for each in evaluations if each.complete]
    by_number = {each.record.number: each for each in complete}
    outcomes = {each.genotype: _outcomes(each) for each in complete}
    judge = Judge(num_folds=num_folds, threshold=threshold)
    dropped_after: dict[int, int] = {}
    num_raced = 0
    for proposal in by_proposal(each.record for each in complete):
        judged = [(record, _judged(judge, record, outcomes)) for record in proposal]
        judge.learn(judgement for _, judgement in judged)
        num_raced += sum(judgement.spread is not None for _, judgement in judged)
        dropped_after |= {
            record.number: judgement.dropped_after
            for record, judgement in judged
            if judgement.dropped_after is not None
        }
    saved = [
        (by_number[number], by_number[number].num_trainings - after)
        for number, after in dropped_after.items()
    ]
    accepted = tuple(_accepted(complete))
    return RacingAccount(
        threshold=threshold,
        num_raced=num_raced,
        dropped=tuple(dropped_after),
        num_trainings=sum(each.num_trainings for each in complete),
        num_saved=sum(number for _, number in saved),
        saved_s=math.fsum(number * _mean_s(each) for each, number in saved),
        num_accepted=len(accepted),
        changed=tuple(number for number in accepted if number in dropped_after),
    )


def _judged(
    judge: Judge, record: EvaluationRecord, outcomes: Mapping[Genotype, list[Outcome | None]]
) -> Judgement:
    incumbent = None if record.incumbent is None else outcomes.get(record.incumbent)
    return judge.judge(outcomes[record.genotype], incumbent)


def _outcomes(evaluation: ScoredNetwork) -> list[Outcome | None]:
    """Return the outcomes of the trainings, in blocks; those not run come last."""
    known: list[Outcome | None] = [
        Outcome(score=each.score, wall_s=each.wall_s) for each in evaluation.trainings
    ]
    return known + [None] * (evaluation.num_trainings - len(known))


def _mean_s(evaluation: ScoredNetwork) -> float:
    times = [each.wall_s for each in evaluation.trainings]
    return math.fsum(times) / len(times) if times else 0.0


def _accepted(evaluations: Sequence[ScoredNetwork]) -> Iterator[int]:
    """Yield the numbers of the evaluations that the search accepted, without its starts."""
    scores = {
        each.genotype: -math.inf if each.reported_score is None else each.reported_score
        for each in evaluations
    }
    for proposal in by_proposal(each.record for each in evaluations):
        best = max(proposal, key=lambda record: scores[record.genotype])
        incumbent = best.incumbent
        if incumbent is not None and scores[best.genotype] > scores.get(incumbent, math.inf):
            yield best.number
