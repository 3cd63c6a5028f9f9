"""Folds partition patients, whatever the patients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.folds import make_folds
from mbnas.errors import ConfigurationError, DatasetError

patients_and_folds = st.integers(2, 8).flatmap(
    lambda folds: st.tuples(
        st.lists(st.text(max_size=4), min_size=folds, unique=True), st.just(folds)
    )
)


@given(patients_and_folds, st.integers(0, 2**40))
def test_folds_partition_the_patients(drawn, seed):
    patients, num_folds = drawn
    folds = make_folds(patients, num_folds, seed)
    validated = [patient for fold in folds for patient in fold.validation]
    assert sorted(validated) == sorted(patients)
    for fold in folds:
        assert sorted(fold.train + fold.validation) == sorted(patients)
    sizes = [len(fold.validation) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1


@given(patients_and_folds, st.integers(0, 9), st.randoms())
def test_order_and_repetition_of_patients_make_no_difference(drawn, seed, random):
    patients, num_folds = drawn
    shuffled = patients * 2
    random.shuffle(shuffled)
    assert make_folds(shuffled, num_folds, seed) == make_folds(patients, num_folds, seed)


def test_another_seed_gives_other_folds():
    patients = [f"p{number}" for number in range(20)]
    assert make_folds(patients, 5, 0) == make_folds(patients, 5, 0)
    assert make_folds(patients, 5, 0) != make_folds(patients, 5, 1)


def test_more_folds_than_patients_are_refused():
    with pytest.raises(
        DatasetError,
        match=r"Fold 5 has no patients: 4 patients cannot fill 5 folds\. "
        r"Set protocol\.folds to 4 or fewer\.",
    ):
        make_folds("abcd", 5, 0)
    with pytest.raises(DatasetError, match="1 patient cannot fill 2 folds"):
        make_folds("a", 2, 0)
    with pytest.raises(ConfigurationError, match=r"protocol\.folds \(=1\)"):
        make_folds("abcd", 1, 0)
