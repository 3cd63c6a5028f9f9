"""The patient of each case, so that no patient is in two parts of a fold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from mbnas.errors import ConfigurationError, DatasetError

_OCCASION = re.compile(
    r"""(?P<patient>.+?)[_-](?:
        (?:frame|t|tp|time|timepoint|v|visit|ses|session|scan|run|series|phase|exam|study|acq
            |day|week|month|year|fu|followup)[_-]?\d+
        |baseline|followup|pre|post|ed|es|left|right|l|r
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERED = re.compile(r"(?P<patient>.*\d)(?:[_-]\d{1,2}|[_-]?[a-dlr])", re.IGNORECASE)


def patient_of(case_name: str, pattern: str | None, table: Mapping[str, str] | None) -> str:
    r"""Return the patient of a case; without pattern and table, the case itself.

    >>> patient_of("patient001_frame12", r"patient\d+", None)
    'patient001'

    Args:
        case_name: Name of the case.
        pattern: Regular expression that matches the start of every case name. The patient is
            the group of this name, else the first group, or the whole match if it has no group.
        table: Patient of each case; takes precedence over ``pattern``.

    Raises:
        DatasetError: if the table lacks the case or the pattern does not match it.
        ConfigurationError: if the pattern is not a regular expression.
    """
    if table is not None:
        if case_name not in table:
            raise DatasetError(
                f"Case {case_name} is not in the table of patients: the table names a patient for "
                "every case. Add it."
            )
        return table[case_name]
    if pattern is None:
        return case_name
    try:
        match = re.match(pattern, case_name)
    except re.error as error:
        raise ConfigurationError(
            f"The patient pattern {pattern!r} is not a regular expression ({error}). Correct it: "
            f"{_example(case_name)}."
        ) from error
    patient = match[_patient_group(match.re)] if match else None
    if not patient:
        raise DatasetError(
            f"Case {case_name} has no patient: the patient pattern {pattern!r} does not match its "
            f"name. Change the pattern ({_example(case_name)}), or give a table."
        )
    return patient


def _example(case_name: str) -> str:
    r"""Return an example of a pattern, with the patient that it finds in a name.

    >>> print(_example("patient001_frame12"))
    for example, \D*\d+ finds patient001 in patient001_frame12
    """
    pattern = r"\D*\d+" if re.match(r"\D*\d+", case_name) else r"[^_-]+"
    match = re.match(pattern, case_name)
    found = match[0] if match else case_name
    return f"for example, {pattern} finds {found} in {case_name}"


def _patient_group(pattern: re.Pattern[str]) -> int | str:
    """Return the group with the patient: the one of that name, else the first, else all."""
    if "patient" in pattern.groupindex:
        return "patient"
    return 1 if pattern.groups else 0


def group_by_patient(
    case_names: Iterable[str], pattern: str | None, table: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the patient of every case by :func:`patient_of`."""
    return {name: patient_of(name, pattern, table) for name in case_names}


def merged_by_patient(cases: Iterable[tuple[str, Iterable[int]]]) -> dict[str, frozenset[int]]:
    """Return the classes of each patient, sorted, from the patient and classes of every case.

    >>> merged_by_patient([("b", (2,)), ("a", ()), ("b", (1,))])
    {'a': frozenset(), 'b': frozenset({1, 2})}
    """
    merged: dict[str, frozenset[int]] = {}
    for patient, classes in cases:
        merged[patient] = merged.get(patient, frozenset()).union(classes)
    return dict(sorted(merged.items()))


def suspicious_groups(case_names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of cases whose names suggest several volumes of one patient.

    This is a guess from common naming schemes, only for a warning.

    >>> suspicious_groups(["patient001_frame01", "patient001_frame12", "patient002_frame01"])
    (('patient001_frame01', 'patient001_frame12'),)
    >>> suspicious_groups(["hippocampus_001", "hippocampus_003"])
    ()
    """
    groups = defaultdict(list)
    for name in sorted(case_names):
        match = _OCCASION.fullmatch(name) or _NUMBERED.fullmatch(name)
        groups[match["patient"] if match else name].append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


_SUGGESTIONS = (
    r"(?P<patient>.*\d)[_-]?[LRlr]$",
    r"(?P<patient>.*\d)[_-]?[a-dA-D]$",
    r"(?P<patient>.*\d)[_-]\d{1,2}$",
)


def suggested_pattern(case_names: Iterable[str]) -> str | None:
    r"""Return a pattern for patients by which all names group, several names each; else ``None``.

    >>> suggested_pattern(["Image_01L", "Image_01R", "Image_02L", "Image_02R"])
    '(?P<patient>.*\\d)[_-]?[LRlr]$'
    """
    names = list(case_names)
    for pattern in _SUGGESTIONS:
        matches = [re.match(pattern, name) for name in names]
        patients = {match["patient"] for match in matches if match}
        if all(matches) and len(patients) < len(names):
            return pattern
    return None
