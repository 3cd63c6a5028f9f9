"""Mean differences between networks over patients: estimate, p and interval from one test.

The patient is the unit: a network has one value per patient, for any number of volumes, folds and
initialisations. If two networks are equal, their values of any patient are exchangeable, so the
test compares the mean difference with the means after flipping the signs of patients' differences.
Inverting the same test gives the interval, which therefore excludes 0 exactly if the p is below
alpha. Both are adjusted for the number of comparisons (Bonferroni): the intervals of all pairs hold
together with probability 1 − alpha.

Up to 16 patients, all sign flips are used; beyond that, 65 536 random ones, or 2000 for each
comparison if that is more. The observed signs count as one of them in both cases.

Source: Fisher 1935, The design of experiments, section 21; Hartigan 1969, Using subsample values
as typical values, JASA 64(328): the ends of the interval are order statistics of the means over
subsets of the patients. Phipson and Smyth 2010, Permutation p-values should never be zero,
Statistical Applications in Genetics and Molecular Biology 9(1).

Shape suffixes: P patients, N networks, F sign flips without the observed signs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from mbnas.scoring.intervals import DECIMALS, Interval

ALPHA = 0.05
_MOST_EXACT = 16
_FEWEST_DRAWN = 2**_MOST_EXACT
_DRAWN_A_COMPARISON = 2000

Verdict = Literal["first", "second", "none", "too few patients"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The differences of two networks, first minus second, over patients.

    Attributes:
        first: Number of the first network.
        second: Number of the second network.
        num_patients: Patients for whom both networks have a value.
        wins: Patients for whom the first has the higher value.
        ties: Patients for whom both have the same value.
        losses: Patients for whom the first has the lower value.
        mean: First minus second.
        interval: Of the mean, simultaneous over all comparisons; ``None`` if there are too few
            patients for an interval of this confidence.
        p: Two-sided p of the sign-flip test, not adjusted.
        p_adjusted: The same, adjusted for all comparisons.
        num_comparisons: Pairs of networks that are compared together.
        num_flips: Sign flips used, including the observed signs.
        alpha: A ``p_adjusted`` below it shows a difference.

    Raises:
        ValueError: if p and interval contradict one another.
    """

    first: int
    second: int
    num_patients: int
    wins: int
    ties: int
    losses: int
    mean: float
    interval: Interval | None
    p: float
    p_adjusted: float
    num_comparisons: int
    num_flips: int
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if (self.p_adjusted < self.alpha) != self._excludes_zero:
            raise ValueError(
                f"p_adjusted (={self.p_adjusted}) and interval (={self.interval}) contradict one "
                f"another at alpha (={self.alpha})."
            )

    @property
    def smallest_p(self) -> float:
        """The smallest ``p_adjusted`` possible for this number of patients."""
        return min(1.0, 2 * self.num_comparisons / self.num_flips)

    @property
    def is_exact(self) -> bool:
        """Whether all sign flips were used, rather than random ones."""
        return math.log2(self.num_flips) == self.num_patients

    @property
    def verdict(self) -> Verdict:
        """Which network is better, or why none is shown to be."""
        if self._excludes_zero:
            return "first" if self.mean > 0 else "second"
        return "none" if self.smallest_p < self.alpha else "too few patients"

    @property
    def _excludes_zero(self) -> bool:
        return self.interval is not None and (self.interval.low > 0 or self.interval.high < 0)

    def swapped(self) -> Difference:
        """Return the same differences as second minus first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            wins=self.losses,
            losses=self.wins,
            mean=-self.mean,
            interval=self.interval and self.interval.negated(),
        )


def compare_networks(
    values_PN: Float[np.ndarray, "patient network"],
    *,
    rng: np.random.Generator,
    alpha: float = ALPHA,
) -> tuple[Difference, ...]:
    """Return the difference of every pair of networks that share a patient, in order.

    Args:
        values_PN: One value per patient and network, higher is better; nan where missing.
        rng: Draws the sign flips if there are too many to use all.
        alpha: Chance of any interval missing its mean, between 0 and 1.

    Raises:
        ValueError: if a value is infinite, or alpha is out of range.
    """
    if np.isinf(values_PN).any():
        raise ValueError("Values of patients must be finite, or nan where they are missing.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha (={alpha}) must lie between 0 and 1.")
    num_patients, num_networks = values_PN.shape
    pairs = [
        (first, second, values_PN[:, first] - values_PN[:, second])
        for first, second in combinations(range(num_networks), 2)
    ]
    shared = [each for each in pairs if not np.isnan(each[2]).all()]
    drawn_FP = _drawn(num_patients, len(shared), rng)
    return tuple(
        _difference(first, second, differences_P, drawn_FP, len(shared), alpha)
        for first, second, differences_P in shared
    )


def _difference(
    first: int,
    second: int,
    differences_P: Float[np.ndarray, " patient"],
    drawn_FP: Bool[np.ndarray, "flip patient"] | None,
    num_comparisons: int,
    alpha: float,
) -> Difference:
    is_known_P = ~np.isnan(differences_P)
    differences = np.round(differences_P[is_known_P], DECIMALS)
    means_F = (
        subset_means(differences)
        if drawn_FP is None or differences.size <= _MOST_EXACT
        else _drawn_means(differences, drawn_FP[:, is_known_P])
    )
    num_flips = means_F.size + 1  # with the observed signs
    # Flipping the signs of a subset gives a mean as high as the observed one exactly where the
    # mean over the subset is 0 or less; of differences less some shift, where it is the shift
    # or less.
    as_far = 1 + min(int((means_F <= 0).sum()), int((means_F >= 0).sum()))
    counts = np.arange(1, num_flips // 2 + 1)
    num_cut = int((2 * num_comparisons * counts / num_flips < alpha).sum())
    interval = None
    if num_cut:
        ordered = np.partition(means_F, [num_cut - 1, means_F.size - num_cut])
        low, high = ordered[num_cut - 1], ordered[means_F.size - num_cut]
        interval = Interval(low=float(low), high=float(high), confidence=1 - alpha)
    return Difference(
        first=first,
        second=second,
        num_patients=differences.size,
        wins=int((differences > 0).sum()),
        ties=int((differences == 0).sum()),
        losses=int((differences < 0).sum()),
        mean=float(differences.mean()),
        interval=interval,
        p=min(1.0, 2 * as_far / num_flips),
        p_adjusted=min(1.0, 2 * num_comparisons * as_far / num_flips),
        num_comparisons=num_comparisons,
        num_flips=num_flips,
        alpha=alpha,
    )


def subset_means(differences: Float[np.ndarray, " patient"]) -> Float[np.ndarray, " subset"]:
    """Return the mean of every non-empty subset of values.

    >>> subset_means(np.array([1.0, 3.0])).tolist()
    [1.0, 3.0, 2.0]
    """
    sums, sizes = np.zeros(1), np.zeros(1)
    for each in differences:
        sums = np.concatenate([sums, sums + each])
        sizes = np.concatenate([sizes, sizes + 1])
    return np.round(sums[1:] / sizes[1:], DECIMALS)


def _drawn(
    num_patients: int, num_comparisons: int, rng: np.random.Generator
) -> Bool[np.ndarray, "flip patient"] | None:
    """Return whose signs to flip, at random; ``None`` if all flips are used."""
    if num_patients <= _MOST_EXACT:
        return None
    num_drawn = max(_FEWEST_DRAWN, _DRAWN_A_COMPARISON * num_comparisons) - 1
    drawn_FP: Bool[np.ndarray, "flip patient"] = rng.integers(
        0, 2, (num_drawn, num_patients), dtype=np.uint8
    ).astype(bool)
    return drawn_FP


def _drawn_means(
    differences: Float[np.ndarray, " patient"], drawn_FP: Bool[np.ndarray, "flip patient"]
) -> Float[np.ndarray, " subset"]:
    """Return the mean over each drawn subset that is not empty."""
    sums = np.concatenate([part @ differences for part in _parts(drawn_FP)])
    sizes = drawn_FP.sum(axis=1)
    means: Float[np.ndarray, " subset"] = np.round(sums[sizes > 0] / sizes[sizes > 0], DECIMALS)
    return means


def _parts(
    drawn_FP: Bool[np.ndarray, "flip patient"],
) -> Sequence[Bool[np.ndarray, "part patient"]]:
    """Return flips in parts, so that a product with each needs little memory."""
    parts: list[Bool[np.ndarray, "part patient"]] = np.array_split(
        drawn_FP, max(1, drawn_FP.size >> 22)
    )
    return parts
