"""Racing: how probable is it that a candidate, half trained, still beats the incumbent?

A candidate's trainings run in blocks, all folds of one initialisation each. After a block its
scores so far are paired with those of the incumbent, which are all known, and the chance that its
full mean comes out above the incumbent's is asked for. A candidate whose chance is below a
threshold is dropped, and the rest of its trainings is saved. Nothing is accepted early.

Source:
    Races: Maron and Moore 1994, Hoeffding races, NIPS 6; with paired tests in blocks, Birattari et
    al. 2002, A racing algorithm for configuring metaheuristics, GECCO. Stopping by the chance of
    the final result: Spiegelhalter, Freedman and Blackburn 1986, Monitoring clinical trials:
    conditional or predictive power?, Controlled Clinical Trials 7(1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from mbnas.scoring.ranks import checked


def chance_to_beat(differences: Sequence[float], num_remaining: int) -> float:
    """Return the probability that the candidate's full mean is above the incumbent's.

    The m differences seen and the k unseen are taken as independent normal ones of unknown mean µ
    and variance σ², with the reference prior 1/σ². Given m differences of mean d and sample
    variance s², the sum of the unseen has mean k·d. Its variance is k·σ² of its own and k²·σ²/m for
    not knowing µ, together k·n/m·σ² with n = m + k; with s² in place of σ² it is a Student t with
    m − 1 degrees of freedom. The full mean is above 0 where that sum is above −m·d, so

        P = T(d · √(n·m / k) / s),

    T being the distribution function of that t. Swapping the two networks gives 1 − P.

    One difference has no spread, and equal networks cannot be told apart: both give 0.5. Where all
    differences are the same and not 0, the limit is 0 or 1. With nothing remaining the mean is
    known: 0 or 1, and a tie does not beat.

    >>> round(chance_to_beat([-0.01, -0.02, 0.01], 3), 3)
    0.198
    >>> chance_to_beat([-0.01, -0.02, 0.01], 0)
    0.0

    Args:
        differences: Candidate minus incumbent, for every fold and initialisation so far; equal to
            12 decimals is equal.
        num_remaining: How many such differences are still to come, 0 or more.

    Raises:
        ValueError: if there are no differences, one is not finite, or what remains is negative.

    """
    if num_remaining < 0:
        raise ValueError(f"num_remaining (={num_remaining}) must be 0 or more.")
    seen = checked(np.asarray(differences, dtype=float))
    mean = float(seen.mean())
    if num_remaining == 0:
        return float(mean > 0)
    if seen.size == 1:
        return 0.5
    if np.ptp(seen) == 0:  # the mean of equal numbers may round to another
        return (1 + float(np.sign(seen[0]))) / 2
    num_all = seen.size + num_remaining
    scale = float(seen.std(ddof=1)) / math.sqrt(num_all * seen.size / num_remaining)
    return float(special.stdtr(seen.size - 1, mean / scale))


def expected_score(incumbent: float, differences: Sequence[float]) -> float:
    """Return the score that a candidate is expected to end at: what a searcher is told of a drop.

    It is the incumbent's full mean plus the mean difference so far. A chance below 0.5 means that
    this difference is negative, so whoever is dropped is told of as below the incumbent.

    >>> expected_score(0.75, [-0.25, 0.0])
    0.625

    Args:
        incumbent: The mean over all its folds and initialisations.
        differences: As for :func:`chance_to_beat`.

    Raises:
        ValueError: if there are no differences, or a number is not finite.
    """
    if not math.isfinite(incumbent):
        raise ValueError(
            f"The incumbent's score (={incumbent}) must be finite. Race against no network that "
            "has none."
        )
    return incumbent + float(checked(np.asarray(differences, dtype=float)).mean())
