"""Folds partition patients, whatever the patients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.folds import draw_held_out, make_folds, too_few_patients
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


# Held-out patients

crowds = st.lists(st.text(max_size=4), min_size=4, max_size=40, unique=True)
fractions = st.floats(0.0, 0.5)


@given(crowds, fractions, st.integers(0, 9), st.randoms())
def test_held_out_patients_are_as_many_as_asked_for_and_at_least_one(
    patients, fraction, seed, random
):
    held_out = draw_held_out(patients, fraction, num_folds=2, seed=seed)
    assert held_out <= set(patients)
    assert abs(len(held_out) - fraction * len(patients)) <= (1 if len(held_out) == 1 else 0.5)
    assert bool(held_out) == (fraction > 0)
    shuffled = patients * 2
    random.shuffle(shuffled)
    assert draw_held_out(shuffled, fraction, num_folds=2, seed=seed) == held_out


@given(crowds, fractions, fractions, st.integers(0, 9))
def test_a_larger_fraction_holds_out_those_of_a_smaller(patients, one, other, seed):
    smaller, larger = (
        draw_held_out(patients, fraction, num_folds=2, seed=seed)
        for fraction in sorted((one, other))
    )
    assert smaller <= larger


def test_who_is_held_out_depends_on_the_seed_and_not_on_the_folds():
    patients = [f"p{number}" for number in range(20)]
    drawn = [draw_held_out(patients, 0.2, num_folds=2, seed=seed) for seed in range(5)]
    assert len(set(drawn)) == 5
    assert draw_held_out(patients, 0.2, num_folds=9, seed=0) == drawn[0]
    assert drawn[0] not in [set(fold.validation) for fold in make_folds(patients, 5, 0)]


def test_too_few_patients_left_for_the_folds_are_refused_with_both_numbers():
    with pytest.raises(
        DatasetError,
        match=r"Fold 4 has no patients: protocol\.test_fraction \(=0\.5\) holds out 3 of 6 "
        r"patients, and the 3 left cannot fill 5 folds\. Lower it, or set protocol\.folds to 3 or",
    ):
        draw_held_out("abcdef", 0.5, num_folds=5, seed=0)
    assert too_few_patients(2, 2, 0.1).endswith(
        "Lower it, add patients, or correct their grouping."
    )
    assert len(draw_held_out("abcdef", 0.5, num_folds=3, seed=0)) == 3
