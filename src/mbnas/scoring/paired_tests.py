"""Two networks on the same blocks: Wilcoxon's signed-rank test, its effect size, Holm's correction.

This is the paper's test. Blocks are not independent, so its p is too small; the conclusions of a
comparison come from `mbnas.scoring.differences`.

Blocks in which both have the same score are left out of the test (Wilcoxon's treatment of zeros)
and counted as ties. The p is two-sided. For up to 200 blocks that differ it is exact: the chance,
over all signs of the differences, of a rank sum at least as extreme. Differences of equal size
share their mean rank, for which SciPy's p would not be exact. Beyond 200 blocks it is SciPy's
normal approximation with its correction for ties.

Source: Wilcoxon 1945, Biometrics Bulletin 1(6); Demšar 2006, JMLR 7, section 3.1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from mbnas.scoring.intervals import checked

_MOST_EXACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The differences of two networks, first minus second, over blocks.

    Attributes:
        num_pairs: Blocks that both were scored on.
        wins: Blocks in which the first is higher.
        ties: Blocks in which they are equal.
        losses: Blocks in which the first is lower.
        mean_difference: First minus second.
        median_difference: First minus second.
        statistic: The smaller of the two sums of signed ranks.
        effect: Matched-pairs rank-biserial correlation: the rank sum for the first minus that
            against it, over both; −1 to 1, and 0 if nothing differs.
        p: Two-sided p of the signed-rank test; 1 if nothing differs.
        method: How the p was computed.
    """

    num_pairs: int
    wins: int
    ties: int
    losses: int
    mean_difference: float
    median_difference: float
    statistic: float
    effect: float
    p: float
    method: Literal["exact", "normal approximation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """Wilcoxon's test of two networks.

    Attributes:
        first: Number of the first network.
        second: Number of the second network.
        paired: Their differences.
        num_comparisons: Pairs of networks that were tested together.
        p_holm: The p after Holm's correction for them.
    """

    first: int
    second: int
    paired: Paired
    num_comparisons: int
    p_holm: float


def compare_all(scores_BN: Float[np.ndarray, "block network"]) -> tuple[PairedTest, ...]:
    """Return the test of every pair of networks, in the order of their numbers.

    Raises:
        ValueError: if there are no scores, or one is not finite.
    """
    scores_BN = checked(scores_BN)
    numbers = list(combinations(range(scores_BN.shape[1]), 2))
    pairs = [compare(scores_BN[:, first] - scores_BN[:, second]) for first, second in numbers]
    corrected = holm([each.p for each in pairs])
    return tuple(
        PairedTest(
            first=first, second=second, paired=paired, num_comparisons=len(pairs), p_holm=p_holm
        )
        for (first, second), paired, p_holm in zip(numbers, pairs, corrected, strict=True)
    )


def compare(differences: Float[np.ndarray, " block"]) -> Paired:
    """Return the test of paired differences.

    >>> import numpy as np
    >>> compare(np.array([0.02, 0.01, 0.03, 0.0, -0.005])).effect
    0.8

    Args:
        differences: First minus second in every block; equal to 12 decimals is equal.

    Raises:
        ValueError: if there are no differences, or one is not finite.

    Source:
        Effect size: Kerby 2014, Comprehensive Psychology 3, 11.IT.3.1.
    """
    differences = checked(differences)
    unequal = differences[differences != 0]
    signed_ranks = np.sign(unequal) * stats.rankdata(np.abs(unequal))
    in_favour, against = (np.maximum(side * signed_ranks, 0).sum() for side in (1, -1))
    p, method = _signed_rank_p(signed_ranks)
    return Paired(
        num_pairs=differences.size,
        wins=int((differences > 0).sum()),
        ties=int((differences == 0).sum()),
        losses=int((differences < 0).sum()),
        mean_difference=float(differences.mean()),
        median_difference=float(np.median(differences)),
        statistic=float(min(in_favour, against)),
        effect=float((in_favour - against) / (in_favour + against)) if unequal.size else 0.0,
        p=p,
        method=method,
    )


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """Return p-values corrected for being tested together, by Holm's step-down procedure.

    >>> holm([0.016, 0.607, 0.019])
    (0.048, 0.607, 0.048)

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    corrected = [1.0] * len(ps)
    largest = 0.0
    for step, place in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - step) * ps[place]))
        corrected[place] = largest
    return tuple(corrected)


def _signed_rank_p(
    signed_ranks: Float[np.ndarray, " unequal"],
) -> tuple[float, Literal["exact", "normal approximation"]]:
    """Return the two-sided p of signed ranks, none of which is zero."""
    if signed_ranks.size > _MOST_EXACT:
        return float(stats.wilcoxon(signed_ranks, method="approx").pvalue), "normal approximation"
    # Ranks of ties are halves; doubled, rank sums are whole numbers.
    doubled = np.rint(2 * np.abs(signed_ranks)).astype(int)
    in_favour = int(doubled[signed_ranks > 0].sum())
    chances = np.ones(1)
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    smaller = min(in_favour, int(doubled.sum()) - in_favour)
    return min(1.0, 2 * float(chances[: smaller + 1].sum())), "exact"
