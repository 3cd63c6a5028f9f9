"""What a network's trainings say so far: which it needs yet, and what a searcher is told.

Trainings come in blocks, all folds of the first initialisation, then of the next. Without
racing a network needs all of them. With racing it is held against the incumbent after every
block, and dropped once it is improbable that its full mean would be the better one. A judgement
follows from recorded scores alone, block by block: it is the same for any number of workers,
after any crash, and whether or not later blocks happen to be known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.scoring.racing import chance_to_beat, expected_score
from mbnas.training.record import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Where a network stands.

    Attributes:
        score: What a searcher is told: the mean over all trainings; of a dropped network, what
            its mean is expected to be; −inf if a training failed. ``None`` while trainings
            are needed.
        needed: Numbers of the trainings that must run, from 0.
        perhaps: Numbers of those that are needed unless the network is dropped before.
        dropped_after: After how many trainings it was dropped; ``None`` if it was not.
    """

    score: float | None = None
    needed: tuple[int, ...] = ()
    perhaps: tuple[int, ...] = ()
    dropped_after: int | None = None


def judge(
    outcomes: Sequence[Outcome | None],
    *,
    num_folds: int,
    incumbent: Sequence[float] | None = None,
    threshold: float | None = None,
) -> Judgement:
    """Return what is known of a network.

    Args:
        outcomes: Of its trainings, folds within initialisations; ``None`` where not ended.
        num_folds: Trainings in a block.
        incumbent: The incumbent's score in each training, if there is one that has them all.
        threshold: A network whose chance to beat the incumbent falls below it is dropped; with
            ``None``, none ever is.
    """
    if threshold is None or incumbent is None:
        missing = _missing(outcomes, 0, len(outcomes))
        return Judgement(needed=missing) if missing else Judgement(score=_mean(outcomes))
    for end in range(num_folds, len(outcomes) + 1, num_folds):
        if missing := _missing(outcomes, end - num_folds, end):
            return Judgement(needed=missing, perhaps=_missing(outcomes, end, len(outcomes)))
        score = _dropped_score(outcomes[:end], incumbent, threshold)
        if score is not None and end < len(outcomes):
            return Judgement(score=score, dropped_after=end)
    return Judgement(score=_mean(outcomes))


def full_scores(outcomes: Sequence[Outcome | None]) -> tuple[float, ...] | None:
    """Return the score of every training of a network, ``None`` if one has none."""
    scores = tuple(each.score for each in outcomes if each and each.score is not None)
    return scores if len(scores) == len(outcomes) else None


def _missing(outcomes: Sequence[Outcome | None], start: int, end: int) -> tuple[int, ...]:
    return tuple(number for number in range(start, end) if outcomes[number] is None)


def _dropped_score(
    seen: Sequence[Outcome | None], incumbent: Sequence[float], threshold: float
) -> float | None:
    """Return what a searcher is told of a network that is to be dropped, ``None`` to go on."""
    scores = [outcome.score for outcome in seen if outcome and outcome.score is not None]
    if len(scores) < len(seen):
        return -math.inf
    differences = [ours - theirs for ours, theirs in zip(scores, incumbent, strict=False)]
    if chance_to_beat(differences, len(incumbent) - len(seen)) >= threshold:
        return None
    return expected_score(math.fsum(incumbent) / len(incumbent), differences)


def _mean(outcomes: Sequence[Outcome | None]) -> float:
    scores = [outcome.score for outcome in outcomes if outcome and outcome.score is not None]
    return math.fsum(scores) / len(scores) if len(scores) == len(outcomes) else -math.inf
