"""Ranks of networks over blocks: whether they differ, and by how much two must differ.

A block is one initialisation on one fold. Within a block the best network has rank 1, and networks
with equal scores share the mean of their ranks. Higher scores are better.

Source: Demšar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from mbnas.scoring.intervals import checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Friedman:
    """Friedman's test of the hypothesis that all networks have equal scores.

    Attributes:
        num_blocks: Blocks that the networks were ranked in.
        average_ranks: Mean rank of every network, 1 for the best.
        chi2: Friedman's statistic, corrected for ties.
        chi2_p: Its p by the chi-square distribution, conservative for few blocks.
        f: Iman and Davenport's statistic; ``None``, as infinite, if all blocks have the same ranks.
        f_p: Its p by the F distribution, the one to read; exact if all blocks have the same ranks.
    """

    num_blocks: int
    average_ranks: tuple[float, ...]
    chi2: float
    chi2_p: float
    f: float | None
    f_p: float


def average_ranks(scores_BN: Float[np.ndarray, "block network"]) -> tuple[float, ...]:
    """Return the mean rank of every network over the blocks.

    >>> import numpy as np
    >>> average_ranks(np.array([[0.9, 0.8, 0.7], [0.5, 0.6, 0.5]]))
    (1.75, 1.5, 2.75)

    Raises:
        ValueError: if there are no scores, or one is not finite.
    """
    return tuple(_ranks(scores_BN).mean(axis=0).tolist())


def friedman(scores_BN: Float[np.ndarray, "block network"]) -> Friedman | None:
    """Return the test, ``None`` for fewer than three networks or two blocks, where it is undefined.

    If all networks tie in every block, both statistics are 0 and both p are 1.

    Raises:
        ValueError: if there are no scores, or one is not finite.

    Source:
        Demšar 2006, section 3.2.2, without the correction for ties; with it, F is that of an
        analysis of variance on ranks (Conover 1999, Practical Nonparametric Statistics, 5.8).
    """
    ranks_BN = _ranks(scores_BN)
    num_blocks, num_networks = ranks_BN.shape
    if num_networks < 3 or num_blocks < 2:
        return None
    largest_chi2 = float(num_blocks * (num_networks - 1))
    freedom = num_networks - 1
    f: float | None
    if (ranks_BN == ranks_BN[:, :1]).all():
        chi2, chi2_p, f, f_p = 0.0, 1.0, 0.0, 1.0
    elif (ranks_BN == ranks_BN[0]).all():
        chi2, chi2_p = largest_chi2, float(stats.chi2.sf(largest_chi2, freedom))
        f, f_p = None, _chance_of_agreement(ranks_BN)
    else:
        chi2, chi2_p = map(float, stats.friedmanchisquare(*-ranks_BN.T))
        f = (num_blocks - 1) * chi2 / (largest_chi2 - chi2)
        f_p = float(stats.f.sf(f, freedom, freedom * (num_blocks - 1)))
    return Friedman(
        num_blocks=num_blocks,
        average_ranks=tuple(ranks_BN.mean(axis=0).tolist()),
        chi2=chi2,
        chi2_p=chi2_p,
        f=f,
        f_p=f_p,
    )


def critical_difference(num_networks: int, num_blocks: int, *, alpha: float = 0.05) -> float:
    """Return the smallest significant difference of two average ranks (Nemenyi).

    >>> round(critical_difference(4, 14), 2)
    1.25

    Args:
        num_networks: Number of networks compared with one another, 2 or more.
        num_blocks: Number of blocks, 1 or more.
        alpha: Family-wise error rate, between 0 and 1.

    Raises:
        ValueError: if there are too few networks or blocks, or alpha is out of range.

    Source:
        Demšar 2006, section 3.2.2, with the quantile of the studentised range over √2.
    """
    if num_networks < 2 or num_blocks < 1 or not 0 < alpha < 1:
        raise ValueError(
            f"A critical difference needs 2 networks (={num_networks}), 1 block (={num_blocks}) or "
            f"more, and an alpha (={alpha}) between 0 and 1."
        )
    quantile = float(stats.studentized_range.ppf(1 - alpha, num_networks, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(num_networks * (num_networks + 1) / (6 * num_blocks))


def groups(ranks: tuple[float, ...], difference: float) -> tuple[tuple[int, ...], ...]:
    """Return the largest groups of networks that do not differ significantly, best first.

    These are the bars of a critical-difference diagram: within a group all average ranks differ by
    less than the critical difference. A group holds the networks' numbers in order of rank. A
    network that differs from all others is in no group.

    >>> groups((3.143, 2.000, 2.893, 1.964), 1.12)
    ((3, 1, 2), (2, 0))
    """
    order = sorted(range(len(ranks)), key=lambda network: ranks[network])
    found: list[tuple[int, ...]] = []
    covered = 0
    for start, first in enumerate(order):
        stop = max(
            place + 1 for place, last in enumerate(order) if ranks[last] - ranks[first] < difference
        )
        if stop - start > 1 and stop > covered:
            found.append(tuple(order[start:stop]))
            covered = stop
    return tuple(found)


def _ranks(
    scores_BN: Float[np.ndarray, "block network"],
) -> Float[np.ndarray, "block network"]:
    ranks_BN: Float[np.ndarray, "block network"] = stats.rankdata(-checked(scores_BN), axis=1)
    return ranks_BN


def _chance_of_agreement(ranks_BN: Float[np.ndarray, "block network"]) -> float:
    """Return the chance that all blocks have the ranks of the first, if no network differs."""
    num_blocks, num_networks = ranks_BN.shape
    _, tied = np.unique(ranks_BN[0], return_counts=True)
    num_orders = math.factorial(num_networks) / math.prod(map(math.factorial, tied.tolist()))
    return math.pow(num_orders, 1 - num_blocks)
