"""How sure it is that one network is better than another, in new patients and new trainings.

Two networks are compared by their differences: the value of one minus that of the other, of a
patient in an initialisation. Each difference is the sum of

    the mean difference + an effect of the patient + an effect of the training + a residual,

where the patients of a fold share a training in each initialisation. The standard error of the mean
difference contains all three variances, so it covers other patients and other trainings. Held-out
patients share every training, whichever fold it left out: there, a row is a training.

The variances are those of the analysis of variance of this design (Searle, Casella and McCulloch
1992, Variance components, chapter 4; Brennan 2001, Generalizability theory, chapter 3). The
degrees of freedom are Satterthwaite's (1946, An approximate distribution of estimates of variance
components, Biometrics Bulletin 2(6)).

Shape suffixes: I initialisations, P patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from mbnas.scoring.intervals import DECIMALS, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Superiority:
    """The mean difference of two networks, and how exactly it is known.

    Attributes:
        difference: First minus second, mean over patients.
        standard_error: Over patients and trainings; 0 if all differences are equal.
        freedom: Degrees of freedom of the standard error; 0 if it is unknown.
        num_patients: Patients that count.
        num_trainings: Trainings of each network that count.

    Raises:
        ValueError: if a number is not finite, or one of the last four is negative.
    """

    difference: float
    standard_error: float
    freedom: float
    num_patients: int
    num_trainings: int

    def __post_init__(self) -> None:
        if not math.isfinite(self.difference):
            raise ValueError(f"difference (={self.difference}) must be finite.")
        for name in ("standard_error", "freedom", "num_patients", "num_trainings"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} (={getattr(self, name)}) must be finite, 0 or more.")

    def probability_above(self, threshold: float | int = 0) -> float:
        """Return the probability that the true difference is above a threshold.

        It is T((difference − threshold) / standard error) with Student's distribution function T,
        which is 1 − p of the one-sided t test, and a posterior probability under a flat prior. It
        is 0.5 if the standard error is unknown. If all differences are equal it is 0 or 1, or 0.5
        for a difference at the threshold.

        >>> found = Superiority(
        ...     difference=0.01, standard_error=0.005, freedom=9.0, num_patients=20, num_trainings=9
        ... )
        >>> round(found.probability_above(), 3), round(found.probability_above(-0.005), 3)
        (0.962, 0.993)
        """
        if self.freedom == 0:
            return 0.5
        distance = self.difference - threshold
        if self.standard_error == 0:
            return (1 + float(np.sign(round(distance, DECIMALS)))) / 2
        return float(special.stdtr(self.freedom, distance / self.standard_error))

    def interval(self, confidence: float = 0.95) -> Interval | None:
        """Return the two-sided interval of the true difference; ``None`` if it is unknown.

        Raises:
            ValueError: if ``confidence`` is not between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"confidence (={confidence}) must lie between 0 and 1.")
        if self.freedom == 0:
            return None
        half = self.standard_error * float(special.stdtrit(self.freedom, (1 + confidence) / 2))
        return Interval(
            low=self.difference - half, high=self.difference + half, confidence=confidence
        )


def superiority(
    first_IP: Float[np.ndarray, "initialisation patient"],
    second_IP: Float[np.ndarray, "other_initialisation other_patient"],
    folds_P: Int[np.ndarray, " any_patient"] | None = None,
) -> Superiority | None:
    """Return how sure it is that the first network is better than the second.

    Rows are paired: both have the values of the same initialisation. A training without any
    difference, which failed or has not run, does not count; of the rest, a patient counts who has a
    difference in all trainings of the fold.

    In fold f with P_f of P patients and n_f initialisations, let s_p² be the sample variance of the
    patients' means (over all folds), s_t² that of the trainings' means around their fold's mean,
    and s_e² the mean square of the residuals. The squared standard error is

        s_p² / P  +  s_t² · Σ_f (P_f / P)² / n_f  −  s_e² · Σ_f P_f / (P² n_f),

    because the first two both contain the residuals; it is never below either of them. It is
    slightly too large, as s_p² also contains a part of the trainings' variance. If s_t² has one
    degree of freedom, so has the standard error: Satterthwaite's number would then be too large
    too often. With one initialisation, only the folds' means show the variance of trainings: the
    squared standard error is that of their weighted mean, with one degree of freedom fewer than
    folds.

    Args:
        first_IP: Values of the first network, nan where missing.
        second_IP: Values of the second, of the same shape.
        folds_P: Number of the fold of each patient. ``None`` if each training predicts all of
            them, as held-out patients: a row is then a training of any fold and initialisation.

    Returns:
        The comparison, or ``None`` if no patient has a difference.

    Raises:
        ValueError: if shapes differ, or a value is infinite.
    """
    if first_IP.shape != second_IP.shape or first_IP.ndim != 2:
        raise ValueError(
            f"Values of shapes {first_IP.shape} and {second_IP.shape} must both be "
            "initialisations x patients. Leave out initialisations that only one network has."
        )
    if np.isinf(first_IP).any() or np.isinf(second_IP).any():
        raise ValueError("Values of patients must be finite, or nan where they are missing.")
    differences_IP = np.round(first_IP - second_IP, DECIMALS)
    if folds_P is None:
        folds_P = np.zeros(differences_IP.shape[1], dtype=int)
    if folds_P.shape != differences_IP.shape[1:]:
        raise ValueError(
            f"folds_P (shape {folds_P.shape}) must have one number for each of "
            f"{differences_IP.shape[1]} patients."
        )
    parts = [_complete(differences_IP[:, folds_P == fold]) for fold in np.unique(folds_P)]
    parts = [part for part in parts if part.size]
    return _combined(parts) if parts else None


def _complete(
    part_IP: Float[np.ndarray, "initialisation patient"],
) -> Float[np.ndarray, "known_initialisation known_patient"]:
    """Return a fold's trainings that have any difference, and the patients who have all of them."""
    part_IP = part_IP[~np.isnan(part_IP).all(axis=1)]
    return part_IP[:, ~np.isnan(part_IP).any(axis=0)]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the squared standard error, and its degrees of freedom."""

    value: float
    freedom: int


def _combined(parts: Sequence[Float[np.ndarray, "_ _"]]) -> Superiority:
    sizes = np.array([part.shape[1] for part in parts])
    counts = np.array([part.shape[0] for part in parts])
    patients_P = np.concatenate([part.mean(axis=0) for part in parts])
    shares = sizes / sizes.sum()
    means = np.array([part.mean() for part in parts])
    trainings = _Part(
        _per_freedom([((part.mean(axis=1) - part.mean()) ** 2).sum() for part in parts], counts - 1)
        * float((shares**2 / counts).sum()),
        int((counts - 1).sum()),
    )
    difference = float(patients_P.mean())
    if trainings.freedom:
        patients = _Part(_variance(patients_P) / patients_P.size, patients_P.size - 1)
        residual_freedom = (counts - 1) * (sizes - 1)
        residuals = _Part(
            _per_freedom([_residual_squares(part) for part in parts], residual_freedom)
            * float((shares / counts).sum() / sizes.sum()),
            int(residual_freedom.sum()),
        )
        squared, freedom = _total(patients, trainings, residuals)
    else:
        # Of means with weights w and one variance each proportional to 1 / w.
        freedom = float(len(parts) - 1)
        squared = float((shares * (means - difference) ** 2).sum()) / max(1.0, freedom)
    if patients_P.size == 1:
        freedom = 0.0
    if np.ptp(np.concatenate([part.ravel() for part in parts])) == 0:
        squared = 0.0  # exactly, not to rounding
    return Superiority(
        difference=difference,
        standard_error=math.sqrt(squared) if freedom else 0.0,
        freedom=freedom,
        num_patients=patients_P.size,
        num_trainings=int(counts.sum()),
    )


def _total(patients: _Part, trainings: _Part, residuals: _Part) -> tuple[float, float]:
    """Return the squared standard error and its degrees of freedom."""
    total = patients.value + trainings.value - residuals.value
    larger = max(patients, trainings, key=lambda part: part.value)
    if total <= larger.value:
        return larger.value, float(1 if trainings.freedom == 1 else larger.freedom)
    spread = sum(
        part.value**2 / part.freedom for part in (patients, trainings, residuals) if part.freedom
    )
    return total, 1.0 if trainings.freedom == 1 else total**2 / spread


def _per_freedom(squares: Sequence[float], freedom: Int[np.ndarray, " fold"]) -> float:
    return float(sum(squares)) / max(1, int(freedom.sum()))


def _residual_squares(part_IP: Float[np.ndarray, "initialisation patient"]) -> float:
    expected = part_IP.mean(axis=1, keepdims=True) + part_IP.mean(axis=0) - part_IP.mean()
    return float(((part_IP - expected) ** 2).sum())


def _variance(values: Float[np.ndarray, " value"]) -> float:
    return float(values.var(ddof=1)) if values.size > 1 else 0.0
