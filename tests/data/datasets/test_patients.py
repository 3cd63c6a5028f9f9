"""Which patient a case belongs to, and names that look like one patient's."""

import re

import pytest

from mbnas.data.datasets.patients import group_by_patient, patient_of, suspicious_groups
from mbnas.errors import ConfigurationError, DatasetError


def test_without_grouping_every_case_is_a_patient():
    assert group_by_patient(["a", "b"], None, None) == {"a": "a", "b": "b"}


def test_the_patient_is_the_first_group_of_a_pattern_or_its_match():
    assert patient_of("patient001_frame12", r"patient\d+", None) == "patient001"
    assert patient_of("patient001_frame12", r"patient(\d+)", None) == "001"


def test_a_table_takes_precedence_over_a_pattern():
    assert patient_of("a", r"nothing", {"a": "p"}) == "p"


def test_a_case_without_patient_is_refused():
    with pytest.raises(DatasetError, match="Case a has no patient"):
        patient_of("a", r"patient\d+", None)
    with pytest.raises(DatasetError, match="Case a is not in the table"):
        patient_of("a", None, {})
    with pytest.raises(ConfigurationError, match="not a regular expression"):
        patient_of("a", "(", None)


@pytest.mark.parametrize(
    "names",
    [
        ("patient001_frame01", "patient001_frame12"),
        ("A0S9V9_ED", "A0S9V9_ES"),
        ("case_01_1", "case_01_2"),
        ("lung-7-t0", "lung-7-t1"),
        ("sub-01_ses-1", "sub-01_ses-2"),
        ("x12a", "x12b"),
        ("p3", "p3_followup"),
    ],
)
def test_names_of_one_patient_are_suspected(names):
    assert suspicious_groups([*names, "other_001"]) == (names,)


@pytest.mark.parametrize(
    "names",
    [("STS_001", "STS_002"), ("prostate_00", "prostate_01"), ("BRATS_1", "BRATS_10"), ("a", "b")],
)
def test_numbered_patients_are_not_suspected(names):
    assert suspicious_groups(names) == ()


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        (
            "patient001_frame12",
            "scan",
            r"for example, \D*\d+ finds patient001 in patient001_frame12",
        ),
        ("left_visit", "scan", "for example, [^_-]+ finds left in left_visit"),
        ("_", "scan", "finds _ in _"),
        (
            "case_7",
            "(",
            r"not a regular expression .*: for example, \\D\*\\d\+ finds case_7 in case_7",
        ),
    ],
)
def test_a_pattern_that_fails_is_answered_with_one_for_the_users_own_name(name, pattern, message):
    expected = message if pattern == "(" else re.escape(message)
    with pytest.raises((DatasetError, ConfigurationError), match=expected):
        patient_of(name, pattern, None)
