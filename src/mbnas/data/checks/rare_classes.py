"""Finds classes that are too rare for the folds, or that no patient has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mbnas.data.datasets.case_rules import Finding
from mbnas.data.datasets.folds import Fold, Patients
from mbnas.data.datasets.label_scheme import LabelClass


def rarity_findings(
    classes: Sequence[LabelClass],
    patients: Patients,
    folds: Sequence[Fold],
    *,
    held_out: Collection[str] = (),
) -> list[Finding]:
    """Return a warning for each class that is missing in a training, a validation or everywhere.

    Args:
        classes: Foreground classes or regions; number ``k`` is ``classes[k - 1]``.
        patients: The numbers of the classes that each patient has, including held-out patients.
        folds: Folds of the other patients; empty if there are too few for folds.
        held_out: Patients in no fold.
    """
    return [
        finding
        for index, label in enumerate(classes, start=1)
        for finding in _of_class(
            f"{_label(label)} ({label.name})",
            frozenset(patient for patient, present in patients.items() if index in present),
            folds,
            frozenset(held_out),
        )
    ]


def _of_class(
    label: str, patients: frozenset[str], folds: Sequence[Fold], held_out: frozenset[str]
) -> Iterator[Finding]:
    """Yield the warnings about one class.

    Args:
        label: Name of the class in messages.
        patients: The patients with this class.
        folds: Training and validation patients.
        held_out: Patients in no fold.
    """
    if not patients:
        yield _warning(
            "class-absent",
            f"No case holds {label}, though dataset.json declares it: a network cannot learn it. "
            "Remove it, or correct the labels.",
        )
        return
    if held_out and not patients & held_out:
        yield _warning(
            "class-not-held-out",
            f"No held-out patient has {label}: {_count(patients)} in all {_verb(patients)} it, and "
            "the test on held-out patients does not cover it. "
            "Add patients who have it, or hold out more.",
        )
    in_folds = patients - held_out
    if folds and not in_folds:
        yield _warning(
            "class-rare",
            f"Only held-out patients have {label}: no network can learn it. "
            "Lower protocol.test_fraction, or add patients who have it.",
        )
        return
    unlearned = [number for number, fold in enumerate(folds) if in_folds.isdisjoint(fold.train)]
    if unlearned:
        yield _warning(
            "class-rare",
            f"Only {_count(in_folds)} of the folds {_verb(in_folds)} {label}: the trainings of "
            f"{_folds(unlearned)} have no training patient with it and cannot learn it. "
            "Add patients who have it, or remove it.",
        )
    unmeasured = [
        number for number, fold in enumerate(folds) if in_folds.isdisjoint(fold.validation)
    ]
    if unmeasured:
        remedy = "Add patients who have it."
        if 2 <= len(in_folds) < len(folds):
            remedy = f"Set protocol.folds to {len(in_folds)}, or add patients who have it."
        yield _warning(
            "class-rare",
            f"Only {_count(in_folds)} of the folds {_verb(in_folds)} {label}: {_folds(unmeasured)} "
            f"{'has' if len(unmeasured) == 1 else 'have'} no validation patient with it, and "
            f"scores there do not cover it. {remedy}",
        )


def _label(label: LabelClass) -> str:
    """Return the label or labels of a class as text."""
    if len(label.labels) == 1:
        return f"label {label.labels[0]}"
    return f"any of the labels {', '.join(map(str, label.labels))}"


def _warning(rule: str, message: str) -> Finding:
    return Finding(severity="warning", rule=rule, message=message)


def _count(patients: Collection[str]) -> str:
    return f"{len(patients)} patient{'' if len(patients) == 1 else 's'}"


def _verb(patients: Collection[str]) -> str:
    return "has" if len(patients) == 1 else "have"


def _folds(numbers: Sequence[int]) -> str:
    """Return folds as text.

    >>> _folds([0]), _folds([0, 2, 3])
    ('fold 0', 'folds 0, 2 and 3')
    """
    if len(numbers) == 1:
        return f"fold {numbers[0]}"
    return f"folds {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
