"""Racing: the probability that a candidate whose trainings are partly done beats the incumbent.

The trainings of a candidate run in blocks: all folds of one initialisation. After a block, its
scores so far are paired with those of the incumbent, which are all known: from each score, the
incumbent's mean on the same fold is subtracted. This gives the probability that the candidate's
full mean exceeds the incumbent's. A candidate whose probability is below a threshold is dropped,
which saves the rest of its trainings. No candidate is accepted early.

A few differences estimate their own variance badly. The variances of earlier candidates are known
as well, and count as a few more differences.

Source:
    Races: Maron and Moore 1994, Hoeffding races, NIPS 6; with paired tests in blocks, Birattari et
    al. 2002, A racing algorithm for configuring metaheuristics, GECCO. Stopping by the chance of
    the final result: Spiegelhalter, Freedman and Blackburn 1986, Monitoring clinical trials:
    conditional or predictive power?, Controlled Clinical Trials 7(1). Variances that learn from one
    another: Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3(1), 3.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from mbnas.scoring.intervals import checked

PRIOR_FREEDOM = 4
"""Degrees of freedom, at most, that earlier candidates contribute to the next one's variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """An estimate of a variance.

    Attributes:
        value: 0 or more.
        freedom: Its degrees of freedom; 0 means that the value is unknown.

    Raises:
        ValueError: if one is negative, or the value is not finite.
    """

    value: float
    freedom: int

    def __post_init__(self) -> None:
        if not (0 <= self.value < math.inf and self.freedom >= 0):
            raise ValueError(
                f"A variance (={self.value}) must be finite, and neither it nor its degrees of "
                f"freedom (={self.freedom}) may be negative."
            )


UNKNOWN = Variance(value=0.0, freedom=0)
"""The variance in a search that has not raced any candidate yet."""


def variance(differences: Sequence[float]) -> Variance:
    """Return the sample variance of a candidate's differences; that of a single one is unknown.

    Raises:
        ValueError: if there are no differences, or one is not finite.
    """
    return _variance(_seen(differences))


def typical(variances: Sequence[Variance]) -> Variance:
    """Return what the variances of earlier candidates say about that of the next.

    It is their median, after each is divided by the ratio of the median of such an estimate to
    the variance (Wilson and Hilferty's approximation of chi-square). The median is used because
    one collapsed training can have a thousand times the usual variance. The result has
    :data:`PRIOR_FREEDOM` degrees of freedom, or the sum of all if that is smaller.

    >>> round(typical([Variance(value=each, freedom=2) for each in (1.0, 2.0, 900.0)]).value, 2)
    2.85

    Source:
        Wilson and Hilferty 1931, The distribution of chi-square, PNAS 17(12).
    """
    candidates = Candidates()
    for each in variances:
        candidates.add(each)
    return candidates.typical


class Candidates:
    """Collects the variances of candidates; :attr:`typical` is up to date after each."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._freedom = 0

    def add(self, variance: Variance) -> None:
        """Add the variance of another candidate."""
        if variance.freedom > 0:
            insort(self._values, variance.value / (1 - 2 / (9 * variance.freedom)) ** 3)
            self._freedom += variance.freedom

    @property
    def typical(self) -> Variance:
        """See :func:`typical`."""
        if not self._values:
            return UNKNOWN
        middle, is_odd = divmod(len(self._values), 2)
        value = self._values[middle]
        if not is_odd:
            value = (self._values[middle - 1] + value) / 2
        return Variance(value=value, freedom=min(PRIOR_FREEDOM, self._freedom))


def chance_to_beat(
    differences: Sequence[float], num_remaining: int, prior: Variance = UNKNOWN
) -> float:
    """Return the probability that the candidate's full mean is above the incumbent's.

    The m observed and the k remaining differences are modelled as independent normal variables
    with unknown mean µ and variance σ². The prior is flat for µ; for σ² it is an earlier estimate
    v with f degrees of freedom (scaled inverse chi-square; f = 0 is the reference prior). Given m
    differences with mean d and sample variance s², the sum of the remaining ones has mean k·d.
    Its variance is k·σ², plus k²·σ²/m because µ is unknown, together k·n/m·σ² with n = m + k. With
    (f·v + (m − 1)·s²) / (f + m − 1) = S² in place of σ² it is a Student t with f + m − 1 degrees of
    freedom. The full mean is above 0 if that sum is above −m·d, so

        P = T(d · √(n·m / k) / S),

    where T is the distribution function of that t. Swapping the two networks gives 1 − P.

    Without a degree of freedom, P is 0.5. If the variance is 0, P is the limit: 0 or 1, or 0.5
    for equal networks. If nothing remains, the mean is known: P is 0 or 1, and 0 for a tie.

    >>> round(chance_to_beat([-0.01, -0.02, 0.01], 3), 3)
    0.198
    >>> chance_to_beat([-0.01, -0.02, 0.01], 0)
    0.0

    Args:
        differences: Every score of the candidate so far, equally many of each fold, minus the
            incumbent's mean on the same fold; equal to 12 decimals is equal.
        num_remaining: How many such differences are still missing, 0 or more.
        prior: What earlier candidates say about the variance (:func:`typical`).

    Raises:
        ValueError: if there are no differences, one is not finite, or ``num_remaining`` is below 0.
    """
    if num_remaining < 0:
        raise ValueError(f"num_remaining (={num_remaining}) must be 0 or more.")
    seen = _seen(differences)
    mean, own = _mean(seen), _variance(seen)
    if num_remaining == 0:
        return float(mean > 0)
    freedom = prior.freedom + own.freedom
    if freedom == 0:
        return 0.5
    pooled = (prior.freedom * prior.value + own.freedom * own.value) / freedom
    if pooled == 0:
        return (1 + float(np.sign(mean))) / 2
    num_all = seen.size + num_remaining
    statistic = mean * math.sqrt(num_all * seen.size / num_remaining / pooled)
    return float(special.stdtr(freedom, statistic))


def expected_score(incumbent: float, differences: Sequence[float]) -> float:
    """Return the expected full score of a candidate, which a searcher receives if it is dropped.

    It is the incumbent's full mean plus the mean difference so far, which is the mean of the
    candidate's scores so far. A probability below 0.5 means that this difference is negative, so a
    dropped candidate always scores below the incumbent.

    >>> expected_score(0.75, [-0.25, 0.0])
    0.625

    Args:
        incumbent: Its mean over all folds and initialisations.
        differences: As for :func:`chance_to_beat`.

    Raises:
        ValueError: if there are no differences, or a number is not finite.
    """
    if not math.isfinite(incumbent):
        raise ValueError(
            f"The incumbent's score (={incumbent}) must be finite. Race only against a network "
            "that has a score."
        )
    return incumbent + _mean(_seen(differences))


def _seen(differences: Sequence[float]) -> Float[np.ndarray, " training"]:
    return checked(np.asarray(differences, dtype=float))


def _mean(seen: Float[np.ndarray, " training"]) -> float:
    """Return the mean, exactly 0 if the differences cancel."""
    return math.fsum(seen) / seen.size


def _variance(seen: Float[np.ndarray, " training"]) -> Variance:
    if seen.min() == seen.max():  # the rounded mean of equal numbers may differ from them
        return Variance(value=0.0, freedom=seen.size - 1)
    return Variance(value=float(seen.var(ddof=1)), freedom=seen.size - 1)
