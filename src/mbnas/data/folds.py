"""Folds by patient: every patient validates exactly once, and never trains where it validates.

Some patients may be held out before: they are in no fold, and nothing that a search does
depends on them, so that the networks it finds can be tested on them.
"""

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
    if refusal := too_few_patients(len(distinct), num_folds):
        raise DatasetError(refusal)
    order = generator(seed, "folds").permutation(len(distinct))
    parts = [{distinct[index] for index in order[number::num_folds]} for number in range(num_folds)]
    return tuple(
        Fold(
            train=tuple(patient for patient in distinct if patient not in part),
            validation=tuple(sorted(part)),
        )
        for part in parts
    )


def draw_held_out(
    patients: Sequence[str], test_fraction: float, *, num_folds: int, seed: int
) -> frozenset[str]:
    """Return the patients that are kept out of all folds; a larger fraction adds others.

    The order and repetition of ``patients`` make no difference: one entry per case will do.

    >>> sorted(draw_held_out("abcdef", 0.3, num_folds=2, seed=0))
    ['b', 'c']

    Args:
        patients: Patients, each at least once.
        test_fraction: How many of them, in [0, 1), as :func:`num_held_out` rounds it.
        num_folds: Into how many parts the others are to be split.
        seed: Root seed of the run.

    Raises:
        DatasetError: if fewer are left than folds.
    """
    distinct = sorted(set(patients))
    if refusal := too_few_patients(len(distinct), num_folds, test_fraction):
        raise DatasetError(refusal)
    order = generator(seed, "test").permutation(len(distinct))
    number = num_held_out(len(distinct), test_fraction)
    return frozenset(distinct[index] for index in order[:number])


def num_held_out(num_patients: int, test_fraction: float) -> int:
    """Return how many patients a fraction is: rounded, and one at least unless it is 0.

    >>> [num_held_out(10, fraction) for fraction in (0.0, 0.01, 0.2, 0.26)]
    [0, 1, 2, 3]
    """
    return max(1, round(num_patients * test_fraction)) if test_fraction else 0


def too_few_patients(num_patients: int, num_folds: int, test_fraction: float = 0.0) -> str | None:
    """Return the sentence that refuses more folds than patients, ``None`` if there are enough.

    >>> too_few_patients(4, 5)
    'Fold 5 has no patients: 4 patients cannot fill 5 folds. Set protocol.folds to 4 or fewer.'
    >>> too_few_patients(5, 5) is None
    True

    Args:
        num_patients: How many there are, held-out ones among them.
        num_folds: Two or more.
        test_fraction: How many of them are held out, as :func:`num_held_out` rounds it.
    """
    number = num_held_out(num_patients, test_fraction)
    left = num_patients - number
    if left >= num_folds:
        return None
    subject = f"{left} {'patient' if left == 1 else 'patients'}"
    remedy = (
        f"set protocol.folds to {left} or fewer."
        if left >= 2
        else "add patients, or correct their grouping."
    )
    if number:
        subject = (
            f"protocol.test_fraction (={test_fraction}) holds out {number} of {num_patients} "
            f"patients, and the {left} left"
        )
        remedy = f"lower it, {'or ' if left >= 2 else ''}{remedy}"
    return (
        f"Fold {left + 1} has no patients: {subject} cannot fill {num_folds} folds. "
        f"{remedy[0].upper()}{remedy[1:]}"
    )
