"""Which trainings of a network still have to run, and the score that a searcher receives.

Trainings are in blocks: all folds of the first initialisation, then of the next. Without racing,
a network needs all of them. With racing, it is compared with the incumbent after every block, and
dropped once its full mean is unlikely to be better. A judgement depends only on recorded scores,
block by block: it is the same for any number of workers, after any crash, and whether or not later
blocks are already known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mbnas.search.racing.chance import (
    Candidates,
    Variance,
    chance_to_beat,
    expected_score,
    variance,
)
from mbnas.search.racing.outcome import Outcome

Outcomes = Sequence[Outcome | None]
"""Those of a network's trainings, folds within initialisations; ``None`` if not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is known about a network, and what has to be trained.

    Attributes:
        score: What a searcher receives: the mean over all trainings; the expected mean of a
            dropped network; −inf if a training failed. ``None`` while trainings are needed.
        needed: Numbers of the trainings that must run, from 0.
        perhaps: Numbers of those that must run unless the network is dropped before.
        dropped_after: Number of trainings after which it was dropped; ``None`` if it was not.
        spread: Variance of its differences from the incumbent, as far as racing has used them;
            ``None`` without a race, or if a training failed.
    """

    score: float | None = None
    needed: tuple[int, ...] = ()
    perhaps: tuple[int, ...] = ()
    dropped_after: int | None = None
    spread: Variance | None = None


class Judge:
    """Judges the networks of one search in order, one proposal at a time.

    The variances of earlier proposals are the prior of later ones, so a judge learns from a
    proposal once all its networks are judged; within a proposal all have the same prior.

    Args:
        num_folds: Trainings in a block.
        threshold: A network whose probability to beat the incumbent is below it is dropped;
            with ``None``, no network is dropped.
    """

    def __init__(self, *, num_folds: int, threshold: float | None = None) -> None:
        self._num_folds = num_folds
        self._threshold = threshold
        self._seen = Candidates()
        self._prior = self._seen.typical

    def learn(self, judgements: Iterable[Judgement]) -> None:
        """Use the judgements of a finished proposal for the next ones."""
        for each in judgements:
            if each.spread is not None:
                self._seen.add(each.spread)
        self._prior = self._seen.typical

    def judge(self, outcomes: Outcomes, incumbent: Outcomes | None = None) -> Judgement:
        """Return the judgement of a network.

        Args:
            outcomes: Outcomes of its trainings.
            incumbent: Outcomes of the incumbent's trainings; without them, or if one has no
                score, there is no race.
        """
        theirs = None if incumbent is None else full_scores(incumbent)
        if self._threshold is None or theirs is None:
            missing = _missing(outcomes, 0, len(outcomes))
            return Judgement(needed=missing) if missing else Judgement(score=_mean(outcomes))
        judged = Judgement()
        for end in range(self._num_folds, len(outcomes) + 1, self._num_folds):
            if missing := _missing(outcomes, end - self._num_folds, end):
                return Judgement(needed=missing, perhaps=_missing(outcomes, end, len(outcomes)))
            judged = self._race(outcomes[:end], theirs)
            if judged.dropped_after is not None:
                return judged
        return judged

    def _race(self, seen: Outcomes, incumbent: Sequence[float]) -> Judgement:
        """Return the judgement after some whole blocks; it was not dropped before the last one."""
        is_last = len(seen) == len(incumbent)
        scores = [outcome.score for outcome in seen if outcome and outcome.score is not None]
        if len(scores) < len(seen):
            return Judgement(score=-math.inf, dropped_after=None if is_last else len(seen))
        num_blocks = len(incumbent) // self._num_folds
        on_fold = [
            math.fsum(incumbent[fold :: self._num_folds]) / num_blocks
            for fold in range(self._num_folds)
        ]
        differences = [
            score - on_fold[number % self._num_folds] for number, score in enumerate(scores)
        ]
        spread = variance(differences)
        assert self._threshold is not None
        if is_last:
            return Judgement(score=_mean(seen), spread=spread)
        chance = chance_to_beat(differences, len(incumbent) - len(seen), self._prior)
        if chance >= self._threshold:
            return Judgement(spread=spread)
        expected = expected_score(math.fsum(incumbent) / len(incumbent), differences)
        return Judgement(score=expected, dropped_after=len(seen), spread=spread)


def full_scores(outcomes: Outcomes) -> tuple[float, ...] | None:
    """Return the scores of all trainings of a network, ``None`` if one has no score."""
    scores = tuple(each.score for each in outcomes if each and each.score is not None)
    return scores if len(scores) == len(outcomes) else None


def _missing(outcomes: Outcomes, start: int, end: int) -> tuple[int, ...]:
    return tuple(number for number in range(start, end) if outcomes[number] is None)


def _mean(outcomes: Outcomes) -> float:
    scores = full_scores(outcomes)
    return -math.inf if scores is None else math.fsum(scores) / len(scores)
