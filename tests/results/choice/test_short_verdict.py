"""The first three sentences that a user reads."""

from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.short_verdict import comparison_verdict, search_verdict, study_verdict
from mbnas.search.decision import Decision, DecisionRule
from mbnas.space.genotype import Genotype, unet_genotype

UNET = unet_genotype(2)
OTHER = Genotype.parse("0vgg5-1vgg3-0vgg3-0vgg3")


def chosen(**fields):
    known = {
        "genotype": OTHER,
        "number": 2,
        "reference": UNET,
        "reference_number": 1,
        "reference_score": 0.75,
        "reference_costs": (2000, 50_000_000),
        "num_scored": 3,
        "score": 0.8,
        "parameters": 1000,
        "macs": 5_000_000,
        "cost": None,
        "rule": DecisionRule(probability=0.95, margin=0.005),
    }
    return ChosenNetwork(**known | fields)


def test_an_unconfirmed_network_is_called_the_best_so_far():
    found = search_verdict(chosen(), score="0.8000 ± 0.01 (3 trainings)", per="slice")
    assert found.found == (
        "Best so far: network 2, search score 0.8000 ± 0.01 (3 trainings); the U-Net has 0.7500."
    )
    assert found.certainty == (
        "Best of 3 noisy scores, unconfirmed: its score is optimistic, and it may be worse than "
        "the U-Net."
    )
    assert found.cost == (
        "It has 1 k parameters (half of the U-Net's) and 5 M multiply-accumulates for one slice "
        "(a tenth of the U-Net's)."
    )


def test_the_reference_is_not_compared_with_itself():
    decision = Decision(
        chosen=UNET.digest, ground="not shown", better={OTHER.digest: 0.4}, not_worse={}
    )
    found = search_verdict(
        chosen(genotype=UNET, number=1, decision=decision), score="0.7500", per="patch"
    )
    assert found.found == "Chosen: the U-Net (network 1), search score 0.7500."
    assert found.certainty.startswith("The U-Net is chosen, because no leader is shown")
    assert found.cost == "It has 1 k parameters and 5 M multiply-accumulates for one patch."


def test_what_is_not_known_is_left_out():
    found = search_verdict(
        chosen(parameters=None, macs=None, reference_score=None), score="–", per="slice"
    )
    assert found.found == "Best so far: network 2, search score –."
    assert found.cost == "Its cost is not known yet."


def test_a_comparison_is_of_the_first_network_with_the_reference(compare, contender, drawn):
    first, second = contender("A", drawn(1)), contender("B", drawn(2), kernel=5)
    third = contender("C", drawn(3), kernel=7)
    comparison = compare(first, second, third)
    found = comparison_verdict(comparison, str(third.architecture))
    assert found.found.startswith("A has Dice 0.")
    assert found.found.endswith("none of them held out).")
    claims = dict(zip(comparison.differences, comparison.claims, strict=True))
    (expected,) = [claim for each, claim in claims.items() if {each.first, each.second} == {0, 2}]
    assert found.certainty == expected
    by_default = comparison_verdict(comparison, "")
    (expected,) = [claim for each, claim in claims.items() if {each.first, each.second} == {0, 1}]
    assert by_default.certainty == expected


def test_a_single_network_is_compared_with_none(compare, contender, drawn):
    comparison = compare(contender("A", drawn(1)))
    found = comparison_verdict(comparison, "")
    assert found.certainty == comparison.basis
    assert "of" not in found.cost.split("for one")[0].removeprefix("It has ")


def test_nothing_is_said_where_nothing_was_trained(compare, contender):
    assert comparison_verdict(compare(contender("A", {})), "") is None


def test_a_comparison_of_the_unconfirmed_network_is_the_better_evidence(compare, contender, drawn):
    first, second = contender("A", drawn(1)), contender("B", drawn(2), kernel=5)
    comparison = compare(first, second)
    of_first = chosen(genotype=first.architecture, reference=second.architecture)
    found = study_verdict(of_first, comparison, score="0.8", per="slice")
    assert found == comparison_verdict(comparison, str(second.architecture))


def test_a_comparison_of_other_networks_is_not_about_the_chosen_one(compare, contender, drawn):
    comparison = compare(contender("A", drawn(1)), contender("B", drawn(2), kernel=5))
    of_search = search_verdict(chosen(), score="0.8", per="slice")
    assert study_verdict(chosen(), comparison, score="0.8", per="slice") == of_search
    assert study_verdict(chosen(), None, score="0.8", per="slice") == of_search


def test_a_confirmation_decides_before_a_comparison(compare, contender, drawn):
    first = contender("A", drawn(1))
    decision = Decision(chosen="x", ground="not shown", better={"x": 0.4}, not_worse={})
    confirmed = chosen(genotype=first.architecture, decision=decision)
    comparison = compare(first, contender("B", drawn(2), kernel=5))
    found = study_verdict(confirmed, comparison, score="0.8", per="slice")
    assert found == search_verdict(confirmed, score="0.8", per="slice")
