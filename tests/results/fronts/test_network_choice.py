from dataclasses import replace

import numpy as np
import pytest

from mbnas.errors import StudyError
from mbnas.results.choice.fresh_comparison import fresh_comparison
from mbnas.results.fronts.network_choice import (
    choice_sentence,
    choose_network,
)
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.scoring.superiority import superiority
from mbnas.search.decision import DecisionRule
from mbnas.space.genotype import Genotype
from mbnas.training.training_record import FIRST_FRESH

UNET = Genotype.parse("0vgg3-0vgg3")


def network(number, score, macs, kernel=3, **fields):
    values = {
        "number": number,
        "genotype": Genotype.parse(f"0vgg{kernel}-0vgg3"),
        "score": score,
        "standard_error": 0.004,
        "num_trainings": 9,
        "parameters": 10 * macs,
        "macs": macs,
        "latency_ms": None,
    }
    return FrontNetwork(**(values | fields))


REFERENCE = network(1, 0.80, 1000)
SMALL = network(2, 0.79, 100, kernel=5)
LARGE = network(3, 0.82, 3000, kernel=7)
DEAR = network(4, 0.78, 4000, kernel=9)
FRONT = SearchFront(
    costs=("macs",),
    networks=(REFERENCE, SMALL, LARGE, DEAR),
    members=(SMALL, REFERENCE, LARGE),
    reference=REFERENCE,
)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([], LARGE),
        ([("macs", 3000.0)], LARGE),
        ([("macs", 2999.0)], REFERENCE),
        ([("parameters", 1001.0)], SMALL),
        ([("macs", 3500.0), ("parameters", 9999.0)], SMALL),
    ],
)
def test_the_best_within_the_limits_is_chosen(limits, expected):
    assert choose_network(FRONT, limits).network == expected


def test_of_equals_the_cheapest_is_chosen():
    cheap = replace(LARGE, macs=2000, number=9)
    front = replace(FRONT, networks=(LARGE, cheap))
    assert choose_network(front).network == cheap


def test_limits_that_nothing_meets_are_refused():
    with pytest.raises(StudyError, match=r"has multiply-accumulates ≤ 99\. Raise the limit"):
        choose_network(FRONT, [("macs", 99.0)])
    with pytest.raises(StudyError, match="No scored network has latency ≤ 5 ms"):
        choose_network(FRONT, [("latency", 5.0)])  # none was measured
    with pytest.raises(StudyError, match="Search first"):
        choose_network(replace(FRONT, networks=()))


def volumes(values_IP, folds_P, contender, kernel, **options):
    """Trainings whose patients have given Dice, in one class."""
    dice = {}
    for i, row in enumerate(values_IP):
        for fold in sorted({*folds_P.tolist()}):
            dice[FIRST_FRESH + i, fold] = [
                (f"p{p}", (float(row[p]),)) for p in range(len(row)) if folds_P[p] == fold
            ]
    return contender("x", dice, kernel=kernel, **options).trainings


def drawn(shift, seed=0, num_initialisations=5, num_patients=12):
    rng = np.random.default_rng(seed)
    folds_P = np.arange(num_patients) % 2
    first = 0.8 + 0.01 * rng.normal(size=(num_initialisations, num_patients))
    second = first - shift + 0.002 * rng.normal(size=first.shape)
    return first, second, folds_P


def test_a_comparison_pairs_patients_and_initialisations(contender):
    first, second, folds_P = drawn(0.004)
    found = fresh_comparison(
        volumes(first, folds_P, contender, 5), volumes(second, folds_P, contender, 3)
    )
    expected = superiority(first, second, folds_P)
    assert found.difference == pytest.approx(expected.difference)
    assert found.standard_error == pytest.approx(expected.standard_error)
    assert (found.num_patients, found.num_trainings) == (12, 10)


def test_trainings_that_only_one_has_do_not_count(contender):
    first, second, folds_P = drawn(0.004)
    found = fresh_comparison(
        volumes(first, folds_P, contender, 5), volumes(second[:3], folds_P, contender, 3)
    )
    assert found.difference == pytest.approx(superiority(first[:3], second[:3], folds_P).difference)
    assert fresh_comparison((), volumes(first, folds_P, contender, 3)) is None


def test_held_out_patients_decide(contender):
    """Each training predicts all of them: a row is a training."""
    rng = np.random.default_rng(1)
    values = rng.uniform(0.7, 0.9, (2, 4, 6))  # network, training, patient
    places = [(FIRST_FRESH + i, fold) for i in range(2) for fold in range(2)]
    trainings = [
        contender(
            "x",
            {place: [("a", (0.1,)), ("b", (0.2,))] for place in places},
            held_out={
                place: [(f"h{p}", (float(own[row, p]),)) for p in range(6)]
                for row, place in enumerate(places)
            },
            kernel=kernel,
        ).trainings
        for own, kernel in zip(values, (5, 3), strict=True)
    ]
    found = fresh_comparison(*trainings)
    expected = superiority(values[0], values[1])
    assert found.difference == pytest.approx(expected.difference)
    assert found.standard_error == pytest.approx(expected.standard_error)


def chosen(shift, contender, **rule):
    first, second, folds_P = drawn(shift)
    fresh = [
        *volumes(first, folds_P, contender, 5),
        *volumes(second, folds_P, contender, 3),
    ]
    limits = [("macs", 500.0)]
    return choose_network(FRONT, limits, fresh=fresh, rule=DecisionRule(**rule))


def test_what_is_shown_is_a_sentence(contender):
    choice = chosen(-0.001, contender)
    assert choice.is_shown
    sentence = choice_sentence(choice)
    assert sentence.startswith(
        "As good as the U-Net at a tenth of its multiply-accumulates: Dice −0.001 (standard error "
    )
    assert sentence.endswith("over 12 patients and 10 trainings.")


def test_what_is_not_shown_is_said_to_be_open(contender):
    choice = chosen(-0.02, contender)
    assert not choice.is_shown
    assert (
        "It has a tenth of the U-Net's multiply-accumulates, but is not shown"
        in choice_sentence(choice)
    )
    untrained = choose_network(FRONT, [("macs", 500.0)])
    assert (untrained.probability, untrained.is_shown) == (None, False)
    assert "Whether it is as good as the U-Net is not shown" in choice_sentence(untrained)


def test_the_reference_is_named():
    assert choice_sentence(choose_network(FRONT, [("macs", 1500.0)])) == "It is the U-Net itself."
    lone = replace(FRONT, reference=None)
    assert "The U-Net has no score" in choice_sentence(choose_network(lone))
    assert REFERENCE.genotype == UNET
