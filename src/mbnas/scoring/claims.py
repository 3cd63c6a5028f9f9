"""The conclusions of a comparison, in plain sentences.

A conclusion follows only from the interval of a difference, which excludes 0 exactly if its p is
below alpha: words, interval and p cannot contradict one another.
"""

from __future__ import annotations

from mbnas.scoring.differences import Difference
from mbnas.scoring.intervals import Interval


def conclusion(difference: Difference, first: str, second: str) -> str:
    """Return the conclusion of a comparison of two networks, without numbers.

    Args:
        difference: The first network's values minus the second's.
        first: Name of the first network.
        second: Name of the second.
    """
    match difference.verdict:
        case "first":
            return f"{first} is better than {second}"
        case "second":
            return f"{second} is better than {first}"
        case "none":
            return f"No difference shown between {first} and {second}"
        case "too few patients":
            return f"Too few patients to show any difference between {first} and {second}"


def claim_pair(difference: Difference, first: str, second: str, *, unit: str = "Dice") -> str:
    """Return the conclusion of a comparison of two networks, with its numbers.

    Args:
        difference: The first network's values minus the second's.
        first: Name of the first network.
        second: Name of the second.
        unit: Unit of the values.
    """
    words = conclusion(difference, first, second)
    shown = difference.swapped() if difference.verdict == "second" else difference
    mean = f"{shown.mean:+z.4f} {unit}"
    patients = _counted(shown.num_patients, "patient")
    if shown.interval is None:
        return (
            f"{words}: {mean} in {patients}; the smallest p possible is "
            f"{p_text(shown.smallest_p, shown.alpha)}."
        )
    interval = (
        f"{shown.interval.confidence * 100:g} % interval {interval_text(shown.interval, digits=4)}"
    )
    return f"{words}: {mean} ({interval}; p {_equals(shown)}; {patients})."


def basis(num_held_out: int, num_patients: int) -> str:
    """Return on which patients networks are compared, and how that affects the best found."""
    if num_held_out:
        return (
            f"Compared on {_counted(num_held_out, 'held-out patient')}, who took no part in the "
            "search or in any training."
        )
    return (
        f"Selected and compared on the same patients: all {num_patients} are in the folds and none "
        "is held out, which favours the networks that a search found."
    )


def caution_training(num_initialisations: int) -> str:
    """Return what the intervals do not cover."""
    return (
        "The intervals are over patients, for the networks as they were trained here, from "
        f"{_counted(num_initialisations, 'initialisation')}"
        + (
            ": another training of the same architectures can come out differently."
            if num_initialisations == 1
            else " each: they do not cover the luck of training, which the mean over "
            "initialisations reduces."
        )
    )


def caution_blocks(num_blocks: int, num_folds: int) -> str:
    """Return why the conclusions do not use p-values over blocks.

    Source:
        Nadeau and Bengio 2003, Inference for the generalization error, Machine Learning 52.
    """
    return (
        f"The {_counted(num_blocks, 'block')} of the paper's tests are not independent: those of a "
        f"fold share its patients, and the {_counted(num_folds, 'fold')} share training patients. "
        "These p-values are too small, and the conclusions do not use them."
    )


def claim_optimism(searched: float, fresh: float, *, num_networks: int, unit: str = "Dice") -> str:
    """Return how optimistic a search was of its best network.

    Args:
        searched: Its search score in the search.
        fresh: Its search score from initialisations that the search did not use.
        num_networks: Networks that the search chose from.
        unit: Unit of the scores.
    """
    change = fresh - searched
    reading = (
        "The best of many noisy scores is optimistic."
        if change < 0
        else "The search was not optimistic here."
    )
    return (
        f"{SEARCH_SCORE[0].upper()}{SEARCH_SCORE[1:]}: {searched:.4f} {unit} in the search, the "
        f"best of {_counted(num_networks, 'network')}, and {fresh:.4f} from fresh initialisations "
        f"({change:+z.4f}). {reading}"
    )


SEARCH_SCORE = "search score (prepared grid, mean of the last epochs)"
"""Distinguishes it from the Dice of a comparison, which is on the grid of the files."""


def interval_text(interval: Interval, *, digits: int) -> str:
    """Return both ends with their signs, with more digits where an end would round to 0.

    >>> interval_text(Interval(low=0.00002, high=0.0312, confidence=0.95), digits=3)
    '+0.00002 to +0.031'
    """
    return f"{_end_text(interval.low, digits)} to {_end_text(interval.high, digits)}"


def p_text(p: float, alpha: float) -> str:
    """Return a p to two digits, or to more where rounding would cross alpha.

    >>> p_text(0.0499, 0.05), p_text(0.00002, 0.05)
    ('0.0499', '< 0.0001')
    """
    if p < 0.0001 <= alpha:
        return "< 0.0001"
    for digits in range(2, 17):
        text = f"{p:.{digits}g}"
        if (float(text) < alpha) == (p < alpha):
            break
    return text


def _equals(difference: Difference) -> str:
    text = p_text(difference.p_adjusted, difference.alpha)
    return text if text.startswith("<") else f"= {text}"


def _end_text(end: float, digits: int) -> str:
    for more in range(digits, 13):
        text = f"{end:+z.{more}f}"
        if (float(text) > 0) == (end > 0) and (float(text) < 0) == (end < 0):
            break
    return text


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
