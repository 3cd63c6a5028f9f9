"""Uncertainty of a mean: over patients by the bootstrap, over initialisations by the spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

DECIMALS = 12
"""Scores that agree to this many decimals are equal; further differences are rounding."""


def checked(scores: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " *shape"]:
    """Return scores rounded to :data:`DECIMALS`, so that ties are exact.

    Raises:
        ValueError: if there are no scores, or one is not finite.
    """
    if not scores.size or not np.isfinite(scores).all():
        raise ValueError(
            f"Scores of shape {scores.shape} must be one or more finite numbers. Leave out the "
            "blocks in which a network has no score."
        )
    return np.round(scores, DECIMALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The interval that contains a mean with a given confidence, both ends included."""

    low: float
    high: float
    confidence: float

    def negated(self) -> Interval:
        """Return the interval of the mean of the negated values."""
        return Interval(low=-self.high, high=-self.low, confidence=self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A network's mean score and its spread.

    Attributes:
        mean: Over initialisations and folds.
        sd: Sample standard deviation over initialisations; ``None`` for a single one.
    """

    mean: float
    sd: float | None


def bootstrap_mean(
    values_P: Float[np.ndarray, " patient"],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    num_resamples: int = 9999,
) -> Interval | None:
    """Return the interval of a mean over patients, or ``None`` for a single patient.

    Patients are drawn with replacement, and the interval is bias-corrected and accelerated (BCa).
    It shows how the mean would vary with the patients, for networks as they are trained. If all
    patients have the same value, both ends are that value.

    Args:
        values_P: One value for each patient, or one difference.
        rng: Draws the patients.
        confidence: Between 0 and 1.
        num_resamples: Number of resamples, each as large as the number of patients.

    Raises:
        ValueError: if there are no values, one is not finite, or the confidence is out of range.

    Source:
        Efron 1987, Better bootstrap confidence intervals, JASA 82(397).
    """
    values_P = checked(values_P)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence (={confidence}) must lie between 0 and 1.")
    if values_P.size == 1:
        return None
    if np.ptp(values_P) == 0:  # nothing to resample: the acceleration would be 0 / 0
        return Interval(low=float(values_P[0]), high=float(values_P[0]), confidence=confidence)
    from scipy import stats  # slow to import

    low, high = stats.bootstrap(
        (values_P,),
        np.mean,
        n_resamples=num_resamples,
        batch=1000,
        confidence_level=confidence,
        method="BCa",
        random_state=rng,  # `rng` only from SciPy 1.15 on
    ).confidence_interval
    return Interval(low=float(low), high=float(high), confidence=confidence)


def over_initialisations(scores_IF: Float[np.ndarray, "initialisation fold"]) -> Spread:
    """Return mean and standard deviation of a network's score, as in the paper's tables.

    The standard deviation is that of the means over folds of the initialisations, with n − 1
    degrees of freedom.

    >>> import numpy as np
    >>> over_initialisations(np.array([[0.0, 0.5], [0.5, 1.0], [1.0, 0.75], [0.25, 0.0]])).mean
    0.5

    Raises:
        ValueError: if there are no scores, or one is not finite.

    Source:
        Bosma et al. 2022, arXiv 2202.11401, Table 1.
    """
    means_I = checked(scores_IF).mean(axis=1)
    sd = float(means_I.std(ddof=1)) if means_I.size > 1 else None
    return Spread(mean=float(means_I.mean()), sd=sd)
