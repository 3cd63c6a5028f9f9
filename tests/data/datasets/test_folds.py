"""Folds partition any patients, and spread rare classes evenly."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.datasets.folds import draw_held_out, make_folds, too_few_patients
from mbnas.errors import ConfigurationError, DatasetError
from mbnas.seeds import generator

classes = st.frozensets(st.integers(1, 4), max_size=4)
patients_and_folds = st.integers(2, 8).flatmap(
    lambda folds: st.tuples(
        st.dictionaries(st.text(max_size=4), classes, min_size=folds), st.just(folds)
    )
)


def alike(names):
    """Patients who all have the same classes."""
    return dict.fromkeys(names, frozenset({1, 2}))


def in_order(patients, random):
    """The same patients in another order."""
    names = list(patients)
    random.shuffle(names)
    return {name: patients[name] for name in names}


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
def test_the_order_of_patients_does_not_matter(drawn, seed, random):
    patients, num_folds = drawn
    assert make_folds(in_order(patients, random), num_folds, seed) == make_folds(
        patients, num_folds, seed
    )


def test_another_seed_gives_other_folds():
    patients = alike(f"p{number}" for number in range(20))
    assert make_folds(patients, 5, 0) == make_folds(patients, 5, 0)
    assert make_folds(patients, 5, 0) != make_folds(patients, 5, 1)
    some = {name: {1} if number % 3 else {1, 2} for number, name in enumerate(patients)}
    assert make_folds(some, 5, 0) != make_folds(some, 5, 1)


@given(st.integers(2, 6), st.integers(0, 20), classes, st.integers(0, 9))
def test_folds_of_patients_with_the_same_classes_are_a_random_split(num_folds, more, present, seed):
    names = [f"p{number:02}" for number in range(num_folds + more)]
    order = generator(seed, "folds").permutation(len(names))
    dealt = [sorted(names[index] for index in order[each::num_folds]) for each in range(num_folds)]
    folds = make_folds(dict.fromkeys(names, present), num_folds, seed)
    assert [list(fold.validation) for fold in folds] == dealt


@given(st.integers(2, 6), st.integers(0, 20), st.integers(0, 26), st.integers(0, 9))
def test_a_class_that_some_patients_have_is_spread_evenly(num_folds, more, number, seed):
    patients = {f"p{each:02}": {1, 2} if each < number else {1} for each in range(num_folds + more)}
    num_with = min(number, len(patients))
    folds = make_folds(patients, num_folds, seed)
    held = [sum(2 in patients[each] for each in fold.validation) for fold in folds]
    assert sum(held) == num_with
    assert max(held) - min(held) <= 1


def gaps(patients, parts):
    """How many trainings lack a class that someone has, and how many validations do."""
    known = frozenset().union(*patients.values())
    unlearned = unmeasured = 0
    for index in known:
        having = {name for name in patients if index in patients[name]}
        unlearned += sum(having <= set(part) for part in parts)
        unmeasured += sum(having.isdisjoint(part) for part in parts)
    return unlearned, unmeasured


def all_splits(names, sizes):
    """Every way to split names into parts of these sizes."""
    if not sizes:
        yield []
        return
    for part in combinations(names, sizes[0]):
        left = [name for name in names if name not in part]
        yield from ([part, *others] for others in all_splits(left, sizes[1:]))


@given(
    st.integers(2, 3).flatmap(
        lambda folds: st.tuples(
            st.dictionaries(st.sampled_from("abcdefg"), classes, min_size=max(3, folds)),
            st.just(folds),
        )
    ),
    st.integers(0, 3),
)
def test_every_training_has_a_class_if_any_split_allows_it(drawn, seed):
    patients, num_folds = drawn
    smallest, larger = divmod(len(patients), num_folds)
    sizes = [smallest + (number < larger) for number in range(num_folds)]
    fewest = min(gaps(patients, split)[0] for split in all_splits(sorted(patients), sizes))
    parts = [fold.validation for fold in make_folds(patients, num_folds, seed)]
    assert gaps(patients, parts)[0] == fewest


def test_a_rare_class_is_in_every_training_and_validation_for_any_seed():
    patients = {f"p{number:02}": {1} for number in range(20)}
    for name in ("p03", "p07", "p11"):
        patients[name] = {1, 2}
    for seed in range(50):
        assert gaps(patients, [fold.validation for fold in make_folds(patients, 3, seed)]) == (0, 0)
    plain = [generator(seed, "folds").permutation(20) for seed in range(50)]
    names = sorted(patients)
    missed = [
        gaps(patients, [[names[index] for index in order[each::3]] for each in range(3)])
        for order in plain
    ]
    assert sum(unmeasured > 0 for _, unmeasured in missed) > 25  # a plain draw misses it


def test_more_folds_than_patients_are_refused():
    with pytest.raises(
        DatasetError,
        match=r"Fold 4 has no patients: 4 patients cannot fill 5 folds\. "
        r"Set protocol\.folds to 4 or fewer\.",
    ):
        make_folds(alike("abcd"), 5, 0)
    with pytest.raises(DatasetError, match="1 patient cannot fill 2 folds"):
        make_folds(alike("a"), 2, 0)
    with pytest.raises(ConfigurationError, match=r"protocol\.folds \(=1\)"):
        make_folds(alike("abcd"), 1, 0)


# Held-out patients

crowds = st.dictionaries(st.text(max_size=4), classes, min_size=4, max_size=40)
fractions = st.floats(0.0, 0.5)


@given(crowds, fractions, st.integers(0, 9), st.randoms())
def test_the_number_of_held_out_patients_is_as_requested_and_at_least_one(
    patients, fraction, seed, random
):
    held_out = draw_held_out(patients, fraction, num_folds=2, seed=seed)
    assert held_out <= set(patients)
    assert abs(len(held_out) - fraction * len(patients)) <= (1 if len(held_out) == 1 else 0.5)
    assert bool(held_out) == (fraction > 0)
    shuffled = in_order(patients, random)
    assert draw_held_out(shuffled, fraction, num_folds=2, seed=seed) == held_out


@given(crowds, fractions, fractions, st.integers(0, 9))
def test_a_larger_fraction_keeps_the_held_out_patients_of_a_smaller_one(patients, one, other, seed):
    smaller, larger = (
        draw_held_out(patients, fraction, num_folds=2, seed=seed)
        for fraction in sorted((one, other))
    )
    assert smaller <= larger


def test_held_out_patients_depend_on_the_seed_and_not_on_the_folds():
    patients = alike(f"p{number}" for number in range(20))
    drawn = [draw_held_out(patients, 0.2, num_folds=2, seed=seed) for seed in range(5)]
    assert len(set(drawn)) == 5
    assert draw_held_out(patients, 0.2, num_folds=9, seed=0) == drawn[0]
    assert drawn[0] not in [set(fold.validation) for fold in make_folds(patients, 5, 0)]


def test_too_few_patients_left_for_the_folds_are_refused_with_both_numbers():
    with pytest.raises(
        DatasetError,
        match=r"Fold 3 has no patients: protocol\.test_fraction \(=0\.5\) holds out 3 of 6 "
        r"patients, and the 3 left cannot fill 5 folds\. Lower it, or set protocol\.folds to 3 or",
    ):
        draw_held_out(alike("abcdef"), 0.5, num_folds=5, seed=0)
    assert too_few_patients(2, 2, 0.1).endswith(
        "Lower it, add patients, or correct their grouping."
    )
    assert len(draw_held_out(alike("abcdef"), 0.5, num_folds=3, seed=0)) == 3


@given(st.integers(4, 20), st.floats(0.0, 0.5), classes, st.integers(0, 9))
def test_of_patients_with_the_same_classes_the_first_in_a_permutation_are_held_out(
    number, fraction, present, seed
):
    names = [f"p{each:02}" for each in range(number)]
    order = generator(seed, "test").permutation(number)
    held_out = draw_held_out(dict.fromkeys(names, present), fraction, num_folds=2, seed=seed)
    assert held_out == {names[index] for index in order[: len(held_out)]}


@given(crowds, fractions, st.integers(0, 9), st.integers(1, 2))
def test_no_class_loses_its_last_patients_while_more_are_left_than_classes_need(
    patients, fraction, seed, spared
):
    """Someone is spared if each patient left has a class with no more than that many holders."""
    held_out = draw_held_out(patients, fraction, num_folds=2, seed=seed)
    known = frozenset().union(*patients.values())
    if len(patients) - len(held_out) < spared * len(known):
        return
    for index in known:
        having = {name for name in patients if index in patients[name]}
        assert len(having - held_out) >= min(spared, len(having))


def test_held_out_patients_have_a_class_in_proportion_and_leave_enough_of_it():
    patients = {f"p{number:02}": {1, 2} if number < 10 else {1} for number in range(30)}
    for seed in range(50):
        held_out = draw_held_out(patients, 0.2, num_folds=5, seed=seed)
        assert sum(2 in patients[name] for name in held_out) == 2
    patients = {f"p{number:02}": {1, 2} if number < 3 else {1} for number in range(30)}
    for seed in range(50):
        held_out = draw_held_out(patients, 0.5, num_folds=3, seed=seed)
        assert not any(2 in patients[name] for name in held_out)
