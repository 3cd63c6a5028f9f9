"""Folds by patient: every patient validates exactly once, and never trains where it validates.

Patients who have a class are spread over the folds as evenly as the folds' sizes allow, the rarest
class first: each training should see every class, and each validation measure it. Where all
patients have the same classes, folds are a plain random split.

Some patients may be held out before: they are in no fold, and nothing that a search does
depends on them, so that the networks it finds can be tested on them.

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
"""The indices of the classes that each patient has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One split of the patients.

    Attributes:
        train: Patients that a training learns from, sorted.
        validation: Patients that it is scored on, sorted.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]


ENOUGH_TO_HOLD_OUT = 30
"""With as many patients it is advised to hold some out."""


def advice_to_hold_out(num_patients: int, test_fraction: float) -> str | None:
    """Return why to hold patients out; ``None`` where some are, or where there are too few.

    >>> advice_to_hold_out(29, 0.0), advice_to_hold_out(100, 0.1)
    (None, None)
    """
    if test_fraction > 0 or num_patients < ENOUGH_TO_HOLD_OUT:
        return None
    return (
        f"None of the {num_patients} patients is held out, so networks would be compared on the "
        "patients that selected them. To compare them on others, hold a fifth out: "
        "--set protocol.test_fraction=0.2."
    )


def make_folds(patients: Patients, num_folds: int, seed: int) -> tuple[Fold, ...]:
    """Return ``num_folds`` splits of the patients, whose sizes differ by at most one.

    The order of ``patients`` makes no difference.

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
    """Return parts of the patients, in whose order ties are broken: rarest class first.

    A patient goes to the part that has the fewest with this class, then to the one that has the
    fewest patients.
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
            room = smallest + may_be_larger
            number = min(
                (number for number, part in enumerate(parts) if len(part) < room),
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
    """Return the patients that are kept out of all folds; a larger fraction adds others.

    The order of ``patients`` makes no difference. One after another is drawn. First of all no
    class may lose its last patient in the folds, then its last but one, then those that let
    every fold validate it; among the patients left, those are preferred whose classes are too
    rare so far among the held-out, in proportion; and of these, whom the seed has first. The draw
    is greedy: where few patients are left for many classes, another could spare one more class.

    >>> everyone = {"a": (1,), "b": (1, 2), "c": (1,), "d": (1,), "e": (1,), "f": (1,)}
    >>> sorted(draw_held_out(everyone, 0.3, num_folds=2, seed=0))
    ['c', 'f']

    Args:
        patients: The classes that each patient has.
        test_fraction: How many of them, in [0, 1), as :func:`num_held_out` rounds it.
        num_folds: Into how many parts the others are to be split.
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
        # What a patient adds to the sum over classes of (number held out - its proportion) squared.
        surplus_K = len(distinct) * (2 * held_out_K + 1) - 2 * number * total_K
        keys = (
            has_PK @ (left_K == 1),
            has_PK @ (left_K == 2),
            has_PK @ (left_K <= num_folds),
            has_PK @ surplus_K,
        )
        place = int(np.lexsort(keys[::-1])[0])  # stable: of equals the first in order
        drawn.append(left.pop(place))
        held_out_K = held_out_K + has_PK[place]
        has_PK = np.delete(has_PK, place, axis=0)
    return frozenset(drawn)


def num_held_out(num_patients: int, test_fraction: float) -> int:
    """Return how many patients a fraction is: rounded, and one at least unless it is 0.

    >>> [num_held_out(10, fraction) for fraction in (0.0, 0.01, 0.2, 0.26)]
    [0, 1, 2, 3]
    """
    return max(1, round(num_patients * test_fraction)) if test_fraction else 0


def too_few_patients(num_patients: int, num_folds: int, test_fraction: float = 0.0) -> str | None:
    """Return the sentence that refuses more folds than patients, ``None`` if there are enough.

    >>> too_few_patients(4, 5)
    'Fold 4 has no patients: 4 patients cannot fill 5 folds. Set protocol.folds to 4 or fewer.'
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
        f"Fold {left} has no patients: {subject} cannot fill {num_folds} folds. "
        f"{remedy[0].upper()}{remedy[1:]}"
    )
