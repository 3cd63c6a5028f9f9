"""The reference is kept unless a candidate is shown to be better, or cheaper and not worse."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from mbnas.scoring.superiority import Superiority
from mbnas.search.decision import DecisionRule, corrected, decide

RULE = DecisionRule()


def found(difference, standard_error=0.004, freedom=1000.0):
    return Superiority(
        difference=difference,
        standard_error=standard_error,
        freedom=freedom,
        num_patients=20,
        num_trainings=9,
    )


def test_nothing_confirmed_keeps_the_reference():
    decision = decide("unet", {}, RULE)
    assert (decision.chosen, decision.ground, decision.probability) == (
        "unet",
        "nothing confirmed",
        None,
    )


def test_a_candidate_is_chosen_at_the_probability():
    quantile = stats.norm.ppf(0.95) * 0.004
    assert decide("unet", {"a": found(quantile * 1.01)}, RULE).chosen == "a"
    kept = decide("unet", {"a": found(quantile * 0.99)}, RULE)
    assert (kept.chosen, kept.ground) == ("unet", "not shown")
    assert kept.probability == pytest.approx(0.95, abs=0.002)


def test_more_candidates_need_more():
    candidates = {"a": found(stats.norm.ppf(0.97) * 0.004)}
    assert decide("unet", candidates, RULE).chosen == "a"
    assert decide("unet", candidates | {"b": found(-0.01)}, RULE).chosen == "unet"


def test_the_surest_of_several_is_chosen_not_the_largest_difference():
    candidates = {"lucky": found(0.02, standard_error=0.009), "sure": found(0.015)}
    decision = decide("unet", candidates, RULE)
    assert (decision.chosen, decision.ground) == ("sure", "better")
    assert decision.probability == decision.better["sure"]


def test_the_cheapest_not_worse_is_chosen_where_costs_count():
    candidates = {
        "better": found(0.02),
        "cheap": found(0.006),
        "cheaper and worse": found(-0.006),
        "dear": found(0.007),
    }
    costs = {"unet": 10, "better": 12, "cheap": 4, "cheaper and worse": 1, "dear": 11}
    decision = decide("unet", candidates, RULE, costs)
    assert (decision.chosen, decision.ground) == ("cheap", "not worse and cheaper")
    del candidates["cheap"]
    assert decide("unet", candidates, RULE, costs).chosen == "better"
    assert decide("unet", {"dear": found(0.005)}, RULE, costs).chosen == "unet"


def test_an_unknown_error_chooses_nothing():
    assert (
        decide("unet", {"a": found(0.5, freedom=0.0)}, RULE, {"unet": 2, "a": 1}).chosen == "unet"
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_correction_is_holms(probabilities):
    """Holm 1979: reject the smallest p while it is below alpha over the number of those left."""
    names = dict(enumerate(probabilities))
    by_name = corrected(names)
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for rank, name in enumerate(sorted(names, key=lambda each: 1 - names[each])):
            if (1 - names[name]) * (len(names) - rank) > alpha:
                break
            rejected.add(name)
        near = {name for name in names if abs(1 - by_name[name] - alpha) < 1e-9}
        shown = {name for name in names if 1 - by_name[name] <= alpha}
        assert shown - near == rejected - near


def test_equal_candidates_are_rarely_chosen():
    """The familywise error of 4 equal candidates, whose reference is shared, stays below 5 %."""
    rng = np.random.default_rng(1)
    num_replicates, wrong = 1000, 0
    for _ in range(num_replicates):
        reference, *means = rng.normal(0, 0.004, 5)
        candidates = {
            number: found(mean - reference, 0.004 * math.sqrt(2), freedom=1e6)
            for number, mean in enumerate(means)
        }
        wrong += decide("unet", candidates, RULE).chosen != "unet"
    assert wrong / num_replicates <= 0.07  # 5 % give more but once in 500 (binomial)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="candidate as well"):
        decide("a", {"a": found(0.1)}, RULE)
    with pytest.raises(ValueError, match="finite cost"):
        decide("unet", {"a": found(0.1)}, RULE, {"unet": 1.0})
    with pytest.raises(ValueError, match="probability"):
        DecisionRule(probability=0.5)
    with pytest.raises(ValueError, match="margin"):
        DecisionRule(margin=-0.1)
