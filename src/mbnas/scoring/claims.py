"""What a comparison shows, one sentence a claim, with the number that carries it.

A claim says as plainly when the data cannot tell. All scores are higher for better.
"""

from __future__ import annotations

from mbnas.scoring.intervals import Interval
from mbnas.scoring.pairs import Comparison
from mbnas.scoring.ranks import Friedman

ALPHA = 0.05


def claim_pair(
    comparison: Comparison,
    first: str,
    second: str,
    *,
    interval: Interval | None = None,
    unit: str = "Dice",
    alpha: float = ALPHA,
) -> str:
    """Return what a comparison of two networks shows.

    The better one comes first where there is one.

    Args:
        comparison: Of these two, corrected for all others that were tested.
        first: Name of the comparison's first network.
        second: Name of its second.
        interval: Of the mean of first minus second over patients, if it is known.
        unit: What the scores are in.
        alpha: A p below it tells the two apart.
    """
    told_apart = comparison.p_holm < alpha
    if told_apart and comparison.paired.effect < 0:
        turned = interval.negated() if interval else None
        return claim_pair(
            comparison.swapped(), second, first, interval=turned, unit=unit, alpha=alpha
        )
    paired = comparison.paired
    pairs = _counted(paired.num_pairs, "pair")
    difference = (
        f"{paired.mean_difference:+z.4f} {unit} on average{_interval_text(interval)}, "
        f"higher in {paired.wins} of {pairs}"
    )
    correction = _correction_text(comparison.num_comparisons)
    if comparison.smallest_p >= alpha:
        return (
            f"{pairs} could not tell {first} from {second} whatever the scores, as the smallest p "
            f"possible is {comparison.smallest_p:.2g}{correction}, not below {alpha:g}: "
            f"{difference}."
        )
    evidence = (
        f"{difference} (rank-biserial effect {paired.effect:+z.2f}), "
        f"{_p_text(comparison.p_holm, alpha)}{correction}."
    )
    if not told_apart:
        return f"These {pairs} cannot tell {first} from {second}: {evidence}"
    if paired.mean_difference <= 0:
        return f"{first} differs from {second}: ranks favour it, and the mean does not: {evidence}"
    return f"{first} is better than {second}: {evidence}"


def claim_friedman(result: Friedman | None, *, alpha: float = ALPHA) -> str:
    """Return whether the networks differ at all, by Iman and Davenport's p."""
    if result is None:
        return (
            "The Friedman test is not defined here: it needs three networks or more, each scored "
            "in two blocks or more."
        )
    num_networks = len(result.average_ranks)
    f = "every block ranks alike" if result.f is None else f"F = {result.f:.2f}"
    evidence = (
        f"average ranks from {min(result.average_ranks):.2f} to {max(result.average_ranks):.2f}, "
        f"{f}, {_p_text(result.f_p, alpha)} (Friedman test after Iman and Davenport)"
    )
    if result.f_p < alpha:
        return (
            f"The {num_networks} networks do not all score alike in {result.num_blocks} blocks: "
            f"{evidence}."
        )
    return (
        f"These {result.num_blocks} blocks cannot tell the {num_networks} networks apart: "
        f"{evidence}."
    )


def caution_folds(num_folds: int, num_initialisations: int) -> str:
    """Return why p-values over folds and initialisations are to be read with care.

    Source:
        Nadeau and Bengio 2003, Inference for the generalization error, Machine Learning 52;
        Bengio and Grandvalet 2004, No unbiased estimator of the variance of K-fold
        cross-validation, JMLR 5.
    """
    return (
        f"Read these p-values as optimistic: each patient is trained on in {num_folds - 1} of the "
        f"{num_folds} folds, so the {_counted(num_folds * num_initialisations, 'block')} are not "
        "independent (Nadeau and Bengio 2003), and no unbiased estimate of the variance over folds "
        "exists (Bengio and Grandvalet 2004)."
    )


def claim_optimism(searched: float, fresh: float, *, num_networks: int, unit: str = "Dice") -> str:
    """Return how optimistic a search was of its best network.

    Args:
        searched: The score by which the search chose it.
        fresh: Its score on initialisations that the search did not see.
        num_networks: Networks that the search chose from.
        unit: What the scores are in.
    """
    change = fresh - searched
    reading = (
        "the best of many noisy scores is an optimistic one; the fresh score is the one to report"
        if change < 0
        else "no optimism shows here; the fresh score is still the one to report"
    )
    return (
        f"The search saw {searched:.4f} {unit} for its best of "
        f"{_counted(num_networks, 'network')}, and fresh initialisations give {fresh:.4f} "
        f"({change:+z.4f}): {reading}."
    )


def _interval_text(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return (
        f" ({interval.confidence * 100:g} % interval over patients {interval.low:+z.4f} to "
        f"{interval.high:+z.4f})"
    )


def _correction_text(num_comparisons: int) -> str:
    return f", Holm-corrected over {num_comparisons} comparisons" if num_comparisons > 1 else ""


def _p_text(p: float, alpha: float) -> str:
    """Return a p to two digits, or as many more as keep it on its side of alpha."""
    if p < 0.0001 <= alpha:
        return "p < 0.0001"
    for digits in range(2, 17):
        text = f"{p:.{digits}g}"
        if (float(text) < alpha) == (p < alpha):
            break
    return f"p = {text}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
