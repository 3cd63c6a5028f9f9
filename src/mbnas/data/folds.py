"""Folds by patient: every patient validates exactly once, and never trains where it validates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.errors import ConfigurationError, DatasetError
from mbnas.seeds import generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One split of the patients.

    Attributes:
        train: Patients that a training learns from, sorted.
        validation: Patients that it is scored on, sorted.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]


def make_folds(patients: Sequence[str], num_folds: int, seed: int) -> tuple[Fold, ...]:
    """Return ``num_folds`` splits of the patients, whose sizes differ by at most one.

    The order and repetition of ``patients`` make no difference: one entry per case will do.

    >>> [fold.validation for fold in make_folds("abcd", 2, seed=0)]
    [('c', 'd'), ('a', 'b')]

    Args:
        patients: Patients, each at least once.
        num_folds: Two or more.
        seed: Root seed of the run.

    Raises:
        ConfigurationError: if there are fewer than two folds.
        DatasetError: if there are fewer patients than folds.
    """
    if num_folds < 2:
        raise ConfigurationError(
            f"protocol.folds (={num_folds}) must be 2 or more: one part trains, another validates."
        )
    distinct = sorted(set(patients))
    if len(distinct) < num_folds:
        raise DatasetError(too_few_patients(len(distinct), num_folds))
    order = generator(seed, "folds").permutation(len(distinct))
    parts = [{distinct[index] for index in order[number::num_folds]} for number in range(num_folds)]
    return tuple(
        Fold(
            train=tuple(patient for patient in distinct if patient not in part),
            validation=tuple(sorted(part)),
        )
        for part in parts
    )


def too_few_patients(num_patients: int, num_folds: int) -> str:
    """Return the sentence that refuses more folds than patients.

    >>> too_few_patients(4, 5)
    'Fold 5 has no patients: 4 patients cannot fill 5 folds. Set protocol.folds to 4 or fewer.'
    """
    remedy = (
        f"Set protocol.folds to {num_patients} or fewer."
        if num_patients >= 2
        else "Add patients, or correct their grouping."
    )
    return (
        f"Fold {num_patients + 1} has no patients: {num_patients} "
        f"{'patient' if num_patients == 1 else 'patients'} cannot fill {num_folds} folds. {remedy}"
    )
