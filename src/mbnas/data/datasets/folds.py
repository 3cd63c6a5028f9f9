"""Folds by patient: each patient is in the validation part of exactly one fold.

The patients with a class are spread over the folds as evenly as the sizes of the folds allow, the
rarest class first: each training should see every class, and each validation should score it. If
all patients have the same classes, the folds are a random split.

Some patients may be held out: they are in no fold, and nothing in a search depends on them, so
that its networks can be tested on them.

Source: Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-label Data"
(ECML PKDD), Algorithm 1; here the sizes of the folds differ by at most one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mbnas.errors import ConfigurationError, DatasetError
from mbnas.seeds import generator

Patients = Mapping[str, Collection[int]]
"""The class indices of each patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One split of the patients.

    Attributes:
        train: Patients of the training part, sorted.
        validation: Patients of the validation part, sorted.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]


ENOUGH_TO_HOLD_OUT = 30
"""Number of patients from which on it is advised to hold some out."""


def advice_to_hold_out(num_patients: int, test_fraction: float) -> str | None:
    """Return the advice to hold patients out; ``None`` if some are, or if there are too few.

    >>> advice_to_hold_out(29, 0.0), advice_to_hold_out(100, 0.1)
    (None, None)
    """
    if test_fraction > 0 or num_patients < ENOUGH_TO_HOLD_OUT:
        return None
    return (
        f"None of the {num_patients} patients is held out, so networks would be compared on the "
        "patients that selected them. To compare them on other patients, hold a fifth out: "
        "--set protocol.test_fraction=0.2."
    )


def make_folds(patients: Patients, num_folds: int, seed: int) -> tuple[Fold, ...]:
    """Return ``num_folds`` splits of the patients, whose sizes differ by at most one.

    The order of ``patients`` does not matter.

    >>> folds = make_folds({"a": (1,), "b": (1, 2), "c": (1,), "d": (1, 2)}, 2, seed=0)
    >>> [fold.validation for fold in folds]
    [('c', 'd'), ('a', 'b')]

    Args:
        patients: The classes that each patient has.
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
    distinct = sorted(patients)
    if refusal := too_few_patients(len(distinct), num_folds):
        raise DatasetError(refusal)
    order = generator(seed, "folds").permutation(len(distinct))
    parts = _spread({distinct[index]: patients[distinct[index]] for index in order}, num_folds)
    return tuple(
        Fold(
            train=tuple(patient for patient in distinct if patient not in part),
            validation=tuple(sorted(part)),
        )
        for part in parts
    )


def _spread(patients: Patients, num_parts: int) -> list[set[str]]:
    """Return parts of the patients, which are assigned class by class, the rarest first.

    A patient is added to the part with the fewest patients of this class, and of these to the
    smallest. Ties are broken by the order of the patients.
    """
    parts: list[set[str]] = [set() for _ in range(num_parts)]
    holders: list[Counter[int]] = [Counter() for _ in range(num_parts)]
    smallest, num_larger = divmod(len(patients), num_parts)
    waiting = list(patients)
    while waiting:
        counts = Counter(index for patient in waiting for index in patients[patient])
        rarest = min(counts, key=lambda index: (counts[index], index), default=0)
        chosen = [each for each in waiting if rarest in patients[each] or not counts]
        for patient in chosen:
            may_be_larger = sum(len(part) > smallest for part in parts) < num_larger
            largest_size = smallest + may_be_larger
            number = min(
                (number for number, part in enumerate(parts) if len(part) < largest_size),
                key=lambda number: (holders[number][rarest], len(parts[number])),
            )
            parts[number].add(patient)
            holders[number].update(patients[patient])
        placed = set(chosen)
        waiting = [each for each in waiting if each not in placed]
    return parts


def draw_held_out(
    patients: Patients, test_fraction: float, *, num_folds: int, seed: int
) -> frozenset[str]:
    """Return the patients that are held out; a larger fraction keeps them and adds others.

    The order of ``patients`` does not matter. Patients are drawn one at a time. First, no class
    may lose its last patient in the folds, then its last but one, then those that let every fold
    validate it. Of the remaining patients, those are preferred whose classes are too rare among
    the held-out patients, in proportion; of these, the first in the order of the seed. The draw is
    greedy: with few patients and many classes, another draw could keep one more class.

    >>> everyone = {"a": (1,), "b": (1, 2), "c": (1,), "d": (1,), "e": (1,), "f": (1,)}
    >>> sorted(draw_held_out(everyone, 0.3, num_folds=2, seed=0))
    ['c', 'f']

    Args:
        patients: The classes that each patient has.
        test_fraction: Share of patients to hold out, in [0, 1), rounded by :func:`num_held_out`.
        num_folds: Number of folds for the others.
        seed: Root seed of the run.

    Raises:
        DatasetError: if fewer are left than folds.
    """
    distinct = sorted(patients)
    if refusal := too_few_patients(len(distinct), num_folds, test_fraction):
        raise DatasetError(refusal)
    order = generator(seed, "test").permutation(len(distinct))
    left = [distinct[index] for index in order]
    known = sorted({index for patient in left for index in patients[patient]})
    has_PK = np.array([[index in patients[patient] for index in known] for patient in left], int)
    has_PK = has_PK.reshape(len(left), len(known))
    total_K, held_out_K = has_PK.sum(axis=0), np.zeros(len(known), int)
    drawn: list[str] = []
    for number in range(1, num_held_out(len(distinct), test_fraction) + 1):
        left_K = total_K - held_out_K
        # Increase of the sum over classes of (number held out - its proportion) squared.
        surplus_K = len(distinct) * (2 * held_out_K + 1) - 2 * number * total_K
        keys = (
            has_PK @ (left_K == 1),
            has_PK @ (left_K == 2),
            has_PK @ (left_K <= num_folds),
            has_PK @ surplus_K,
        )
        place = int(np.lexsort(keys[::-1])[0])  # stable: the first of equals
        drawn.append(left.pop(place))
        held_out_K = held_out_K + has_PK[place]
        has_PK = np.delete(has_PK, place, axis=0)
    return frozenset(drawn)


def num_held_out(num_patients: int, test_fraction: float) -> int:
    """Return the number of patients of a fraction: rounded, and at least 1 unless it is 0.

    >>> [num_held_out(10, fraction) for fraction in (0.0, 0.01, 0.2, 0.26)]
    [0, 1, 2, 3]
    """
    return max(1, round(num_patients * test_fraction)) if test_fraction else 0


def too_few_patients(num_patients: int, num_folds: int, test_fraction: float = 0.0) -> str | None:
    """Return the message that there are too few patients, ``None`` if there are enough.

    >>> too_few_patients(4, 5)
    'Fold 4 has no patients: 4 patients cannot fill 5 folds. Set protocol.folds to 4 or fewer.'
    >>> too_few_patients(5, 5) is None
    True

    Args:
        num_patients: Number of patients, including held-out patients.
        num_folds: Two or more.
        test_fraction: Share of held-out patients, rounded by :func:`num_held_out`.
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
        f"Fold {left} has no patients: {subject} cannot fill {num_folds} folds. "
        f"{remedy[0].upper()}{remedy[1:]}"
    )
